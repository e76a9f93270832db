"""A small Kaggle on loopback: what the real client needs of it, and nothing more.

It does not imitate: TLS, real authentication (any credentials are taken unless told otherwise), rate limits of its
own, resumable uploads, paging tokens (it pages by number), the leaderboard, or the time that scoring takes: a
submission is scored after it was listed ``polls_until_scored`` times, and shown by the list only after it was asked for
``lists_until_shown`` times. Scores are the accuracy on ``truth``, row by row, unless ``score`` computes another. All
files together come as one archive.
"""

import csv
import io
import json
import threading
import urllib.parse
import zipfile
from collections import defaultdict
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from faults import Fault

API = "competitions.CompetitionApiService/"


class KaggleServer:
    """Holds the files, submissions and limits of one competition; ``faults`` says what goes wrong, once for each entry.

    A fault may let the call happen first: ``after`` names the calls whose fault comes once the work is done.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.names: dict[str, str] = {}
        self.truth: list[str] = []
        self.header = ["ImageId", "Label"]
        self.score: Callable[[list[list[str]]], float] = self.accuracy
        self.submissions: list[dict[str, Any]] = []
        self.uploads: dict[str, bytes] = {}
        self.limits = {"numToday": 1, "numTotal": 10, "numAllowedNow": 4, "limitedByTotal": False}
        self.polls_until_scored = 1
        self.page_size = 20
        self.lists_until_shown = 0
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.faults_after: dict[str, list[Fault]] = defaultdict(list)
        self.calls: list[str] = []
        self.error_description = "Submission must have the columns ImageId,Label."
        self.token_user: str | None = None
        self.storage_headers: Callable[[bytes], dict[str, str]] = lambda content: {}
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._http.daemon_threads = True
        self._http.owner = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def submit(self, content: bytes, description: str) -> dict[str, Any]:
        """Take a submission, as the last step of an upload does."""
        row = {
            "ref": 50_000_000 + len(self.submissions),
            "description": description,
            "date": "2026-11-21T14:00:00.000Z",
            "status": "PENDING",
            "publicScore": "",
            "fileName": "submission.csv",
            "polls": 0,
            "lists": 0,
            "content": content,
        }
        self.submissions.insert(0, row)
        return row

    def listed(self, page: int) -> list[dict[str, Any]]:
        if page == 1:
            for row in self.submissions:
                row["lists"] += 1
        shown = [row for row in self.submissions if row["lists"] > self.lists_until_shown]
        rows = shown[(page - 1) * self.page_size : page * self.page_size]
        for row in rows:
            row["polls"] += 1
            if row["status"] == "PENDING" and row["polls"] > self.polls_until_scored:
                self._score(row)
        return [{key: value for key, value in row.items() if key not in ("polls", "lists", "content")} for row in rows]

    def _score(self, row: dict[str, Any]) -> None:
        lines = list(csv.reader(io.StringIO(row["content"].decode(errors="replace"))))
        if lines[:1] != [self.header] or len(lines) - 1 != len(self.truth):
            row["status"], row["errorDescription"] = "ERROR", self.error_description
            return
        row["status"], row["publicScore"] = "COMPLETE", f"{self.score(lines[1:]):.5f}"

    def accuracy(self, rows: list[list[str]]) -> float:
        """Return the share of rows with the right label."""
        return sum(row[1] == truth for row, truth in zip(rows, self.truth, strict=True)) / len(self.truth)

    def archive(self) -> bytes:
        """Return all files as Kaggle sends them together."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in self.files.items():
                archive.writestr(name, content)
        return buffer.getvalue()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def kaggle(self) -> KaggleServer:
        return self.server.owner  # type: ignore[attr-defined, no-any-return]

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        # The client reaches this server as its proxy, so the path is a whole address.
        method = urllib.parse.urlsplit(self.path).path.removeprefix("/api/v1/").removeprefix(API)
        self._serve(method, lambda: self._answer(method, json.loads(body or b"{}")))

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        token = urllib.parse.urlsplit(self.path).path.split("/")[-1]
        self._serve("upload", lambda: self._take_upload(token, content))

    def do_GET(self) -> None:
        name = urllib.parse.urlsplit(self.path).path.split("/")[-1]
        self._serve("file", lambda: self._send_file(name))

    def _serve(self, call: str, work: Callable[[], None]) -> None:
        self.kaggle.calls.append(call)
        if self.kaggle.faults[call]:
            self.kaggle.faults[call].pop(0)(self)
            return
        if self.kaggle.faults_after[call]:
            self.muted = True
            work()
            self.muted = False
            self.kaggle.faults_after[call].pop(0)(self)
            return
        work()

    muted = False

    def send(self, status: int, body: Any = None, headers: dict[str, str] | None = None) -> None:
        if self.muted:
            return
        content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _take_upload(self, token: str, content: bytes) -> None:
        self.kaggle.uploads[token] = content
        self.send(200)

    def _send_file(self, name: str) -> None:
        content = self.kaggle.files[name] if name in self.kaggle.files else self.kaggle.archive()
        self.send(200, content, self.kaggle.storage_headers(content))

    def _answer(self, method: str, request: dict[str, Any]) -> None:
        kaggle = self.kaggle
        if method == "StartSubmissionUpload":
            token = f"token-{len(kaggle.uploads)}"
            address = f"{kaggle.url}/upload/{token}?X-Signature=a-signature-nobody-should-see"
            self.send(200, {"token": token, "createUrl": address})
        elif method == "CreateSubmission":
            row = kaggle.submit(kaggle.uploads[request["blobFileTokens"]], request["submissionDescription"])
            self.send(200, {"message": "Successfully submitted to Digit Recognizer", "ref": row["ref"]})
        elif method == "ListSubmissions":
            self.send(200, {"submissions": kaggle.listed(request.get("page") or 1), "nextPageToken": ""})
        elif method == "GetSubmissionLimits":
            self.send(200, kaggle.limits)
        elif method == "DownloadDataFiles":
            self.send(
                302, headers={"Location": f"{kaggle.url}/files/{request['competitionName']}.zip?Signature=secret"}
            )
        elif method == "DownloadDataFile":
            self._redirect(request["fileName"])
        elif method.endswith("IntrospectToken") and kaggle.token_user:
            self.send(200, {"active": True, "username": kaggle.token_user})
        else:
            self.send(404, {"code": 404, "message": f"{method} is not there"})

    def _redirect(self, name: str) -> None:
        arriving = self.kaggle.names.get(name, name)
        if arriving not in self.kaggle.files:
            self.send(404, {"code": 404, "message": "Not found"})
            return
        self.send(302, headers={"Location": f"{self.kaggle.url}/files/{arriving}?Signature=secret"})
