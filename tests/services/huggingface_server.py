"""A small Hugging Face Hub on loopback: one kind of repository, one branch, plain LFS.

It does not imitate: Xet storage (the client is told not to use it), pull requests, Git itself, organisations, the
checking of model cards, or anything of reading files back but their list and single files of the last commit.
"""

import base64
import hashlib
import json
import re
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from faults import Fault

LARGE = (".onnx", ".joblib", ".keras", ".png")
TOKEN = "hf_aTokenThatNobodyShouldSee"


@dataclass
class Repository:
    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    commits: list[str] = field(default_factory=lambda: ["0" * 40])


class HubServer:
    """Holds repositories; ``faults`` says what goes wrong by the name of the call, once for each entry."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.large: dict[str, bytes] = {}
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.faults_after: dict[str, list[Fault]] = defaultdict(list)
        self.calls: list[str] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._http.daemon_threads = True
        self._http.owner = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def reset(self) -> None:
        """Forget everything."""
        for store in (self.repositories, self.large, self.faults, self.faults_after, self.calls):
            store.clear()


ROUTES = {
    "create": r"POST /api/repos/create",
    "yaml": r"POST /api/validate-yaml",
    "preupload": r"POST /api/models/(.+)/preupload/main",
    "batch": r"POST /(.+)\.git/info/lfs/objects/batch",
    "commit": r"POST /api/models/(.+)/commit/main",
    "settings": r"PUT /api/models/(.+)/settings",
    "resolve": r"(?:GET|HEAD) /([^/]+/[^/]+)/resolve/[^/]+/(.+)",
    "tree": r"GET /api/models/(.+)/tree/main",
    "large file": r"PUT /large/(.+)",
    "info": r"GET /api/models/([^/]+/[^/]+?)(?:/revision/main)?",
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> HubServer:
        return self.server.owner  # type: ignore[attr-defined, no-any-return]

    def log_message(self, *_: Any) -> None:
        pass

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.split("?")[0]
        for call, route in ROUTES.items():
            found = re.fullmatch(route, f"{self.command} {path}")
            if found:
                self.hub.calls.append(call)
                if self.hub.faults[call]:
                    self.hub.faults[call].pop(0)(self)
                elif self.hub.faults_after[call]:
                    self.muted = True
                    getattr(self, "_" + call.replace(" ", "_"))(body, *found.groups())
                    self.muted = False
                    self.hub.faults_after[call].pop(0)(self)
                elif call != "large file" and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    self.send(401, {"error": "Invalid username or password."})
                else:
                    getattr(self, "_" + call.replace(" ", "_"))(body, *found.groups())
                return
        self.send(404, {"error": f"{self.command} {path} is not there"})

    def do_GET(self) -> None:
        self._any()

    do_POST = do_PUT = do_GET  # noqa: N815

    do_HEAD = do_GET  # noqa: N815
    muted = False

    def send(self, status: int, body: Any = None, headers: dict[str, str] | None = None) -> None:
        if self.muted:
            return
        content = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        self.send_response(status)
        fields = {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})}
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _create(self, body: bytes) -> None:
        asked = json.loads(body)
        name = f"{asked['organization']}/{asked['name']}"
        answer = {"url": f"{self.hub.url}/{name}", "name": name}
        if name in self.hub.repositories:
            self.send(409, answer | {"error": "You already created this model repo"})
            return
        self.hub.repositories[name] = Repository(private=asked.get("visibility") == "private")
        self.send(200, answer)

    def _yaml(self, body: bytes) -> None:
        self.send(200, {"errors": [], "warnings": []})

    def _info(self, body: bytes, name: str) -> None:
        repository = self._repository(name)
        if repository:
            facts = {"sha": repository.commits[-1], "private": repository.private, "siblings": []}
            self.send(200, {"id": name, **facts})

    def _settings(self, body: bytes, name: str) -> None:
        repository = self._repository(name)
        if repository:
            asked = json.loads(body)
            repository.private = asked.get("visibility", "private" if asked.get("private") else "public") == "private"
            self.send(200, {"private": repository.private})

    def _resolve(self, body: bytes, name: str, path: str) -> None:
        repository = self._repository(name)
        if repository and path in repository.files:
            content = repository.files[path]
            etag = {"ETag": f'"{_oid(path, content)}"', "X-Repo-Commit": repository.commits[-1]}
            self.send(200, content, etag)
        elif repository:
            self.send(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})

    def _tree(self, body: bytes, name: str) -> None:
        repository = self._repository(name)
        if repository:
            files = repository.files.items()
            self.send(200, [{"type": "file", "path": path, "size": len(c), "oid": _oid(path, c)} for path, c in files])

    def _preupload(self, body: bytes, name: str) -> None:
        repository = self._repository(name)
        if repository:
            self.send(200, {"files": [self._mode(repository, file["path"]) for file in json.loads(body)["files"]]})

    def _mode(self, repository: Repository, path: str) -> dict[str, Any]:
        mode = {"path": path, "uploadMode": "lfs" if path.endswith(LARGE) else "regular", "shouldIgnore": False}
        return mode | ({"oid": _oid(path, repository.files[path])} if path in repository.files else {})

    def _batch(self, body: bytes, name: str) -> None:
        objects = []
        for asked in json.loads(body)["objects"]:
            upload = {"upload": {"href": f"{self.hub.url}/large/{asked['oid']}?X-Signature=secret"}}
            objects.append(asked | ({} if asked["oid"] in self.hub.large else {"actions": upload}))
        self.send(200, {"transfer": "basic", "objects": objects})

    def _large_file(self, body: bytes, oid: str) -> None:
        self.hub.large[oid] = body
        self.send(200)

    def _commit(self, body: bytes, name: str) -> None:
        repository = self._repository(name)
        if not repository:
            return
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                repository.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                repository.files[value["path"]] = self.hub.large[value["oid"]]
            elif line["key"] == "deletedFile":
                del repository.files[value["path"]]
        repository.commits.append(hashlib.sha1(body + repository.commits[-1].encode()).hexdigest())
        url = f"{self.hub.url}/{name}/commit/{repository.commits[-1]}"
        self.send(200, {"success": True, "commitOid": repository.commits[-1], "commitUrl": url})

    def _repository(self, name: str) -> Repository | None:
        if name not in self.hub.repositories:
            self.send(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        return self.hub.repositories.get(name)


def _oid(path: str, content: bytes) -> str:
    if path.endswith(LARGE):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
