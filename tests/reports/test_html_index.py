"""The page of all versions."""

import re
from dataclasses import replace

import pytest

from pipeline.contracts import Check, PairedResult, Version
from pipeline.facts.deployment_facts import DeploymentRecord
from pipeline.facts.submission import SubmissionRecord
from pipeline.facts.watch_facts import WatchEvent, Watching, WatchState
from pipeline.reports import html, index_page, navigation, watching

SENT = SubmissionRecord(
    submitted_at="2026-11-22T10:00:00Z",
    competition="digit-recognizer",
    version="20261121-130402-cnn-60000-0004",
    digest="d",
    file_sha256="f",
    rows=28_000,
    message="m",
    reference=1,
    status="complete",
    expected_low=0.990,
    expected_score=0.9931,
    expected_high=0.995,
    public_score=0.9921,
)
LOSS = replace(
    SENT,
    competition="leaves",
    metric="log-loss",
    expected_low=0.02,
    expected_score=0.0312,
    expected_high=0.04,
    public_score=0.05,
)


@pytest.fixture
def versions(make_version, tmp_path):
    first = make_version("cnn", seed=1, train_size=1_000, accuracy=0.95)
    failed = make_version("xgboost", seed=2, train_size=10_000, accuracy=0.9, outcome="fail", champion=first.id)
    gain = PairedResult(fixed=3, made=12, gain_pp=-0.9, gain_low_pp=-1.7, gain_high_pp=-0.1, p_value=0.98)
    failed = replace(failed, verdict=replace(failed.verdict, comparison=gain), override="for the <b>demo</b>")
    serving = make_version("cnn", seed=3, train_size=60_000, in_production=True, dataset="digits")
    no_verdict = replace(first.verdict, outcome="error", checks=())
    damaged = Version("20261121-135959-cnn-9", first.folder, None, None, no_verdict, damage="model.onnx is missing.")
    return [*(_with_report(tmp_path, version) for version in (first, failed, serving)), damaged]


def _with_report(home, version):
    folder = home / "versions" / ("failed" if version.verdict.outcome == "fail" else "") / version.id
    folder.mkdir(parents=True)
    (folder / "report.html").touch()
    return replace(version, folder=folder)


def rows(page):
    body = page[page.index("<tbody>") : page.index("</tbody>")]
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)) for row in body.split("<tr ")[1:]]


def test_every_version_has_a_row_newest_first(versions):
    found = rows(index_page.render(versions))
    assert [next(v.id for v in versions if v.id in row) for row in found] == sorted(
        (v.id for v in versions), reverse=True
    )
    by_id = {version.id: row for version in versions for row in found if version.id in row}
    first, failed, serving, damaged = (by_id[version.id] for version in versions)
    assert "✓ passed" in first
    assert "mnist cnn 1,000" in first
    shown = ("– not promoted", "-0.90", "better: p = 0.9800", "override", "for the &lt;b&gt;demo")
    assert all(part in failed for part in shown)
    assert "in production" in serving
    (former,) = rows(index_page.render([replace(versions[2], in_production=False, was_in_production=True)]))
    assert "was in production" in former
    page = index_page.render([replace(versions[1], earlier=(versions[0].verdict,))])
    assert "– passed before" in rows(page)[0] and "1 version judged, 0 passed, 1 passed before" in page
    assert "! damaged model.onnx is missing." in damaged


def test_verdicts_that_occur_are_explained(versions):
    def legend(*shown):
        page = index_page.render(shown)
        (found,) = re.findall(r'</table>\s*<p class="quiet">(.*?)</p>', page, re.DOTALL)
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", found)).strip()

    unproven = "– not promoted not shown to be good enough to replace the champion."
    assert legend(versions[1]) == unproven
    assert legend(*versions) == f"✓ passed met every requirement; {unproven}"


def test_a_promotion_by_growth_shows_the_p_value_of_what_it_proved(versions):
    first = versions[1]
    proven = Check("proven_not_inferior", "not worse", "pass", 0.0012, 0.01, "Proven.")
    grown = replace(first, verdict=replace(first.verdict, checks=(*first.verdict.checks, proven)))
    (row,) = rows(index_page.render([grown]))
    assert "not worse: p = 0.0012" in row and "better: p" not in row


@pytest.mark.parametrize("prefix", ["../", "/files/"])
def test_links_lead_to_each_report_from_where_the_page_stands(versions, prefix):
    page = index_page.render(versions, link_prefix=prefix)
    links = {link for link in re.findall(r'href="([^"]+)"', page) if link.endswith("report.html")}
    first, failed, serving, _ = versions
    assert links == {
        f"{prefix}versions/{first.id}/report.html",
        f"{prefix}versions/failed/{failed.id}/report.html",
        f"{prefix}versions/{serving.id}/report.html",
    }


def test_a_report_that_was_deleted_is_not_linked(versions):
    first, *_ = versions
    (first.folder / "report.html").unlink()
    page = index_page.render(versions)
    assert first.id in page
    assert f"{first.id}/report.html" not in page


def test_history_shows_overrides_with_their_reason(versions):
    first = DeploymentRecord(
        dataset="mnist",
        id="first",
        digest="",
        previous_id=None,
        action="promote",
        reason="",
        promoted_at="2026-11-21T13:45:02Z",
    )
    wanted = {"action": "override", "id": "second", "previous_id": "first", "reason": "the <i>boss</i> wants it"}
    history = [first, first.model_copy(update=wanted)]
    page = index_page.render(versions, history=history)
    production = page[page.index('<section id="production">') :]
    assert production.index("second") < production.index('<span class="badge plain">promote</span>')
    assert '<span class="badge error">override</span>' in production
    assert "the &lt;i&gt;boss&lt;/i&gt; wants it" in production


SUBMISSIONS = {
    "scored": (
        SENT,
        ["99.31", "99.00 to 99.50", "99.210", "-0.10", "complete", "-0.10 points on average; 1 of 1 within"],
    ),
    "waiting": (replace(SENT, public_score=None, status="pending"), ["99.31", "–", "pending"]),
    "leaking": (replace(SENT, leak=True), ["trained on test images"]),
    "refused": (
        replace(SENT, status="refused", public_score=None, reason="The daily limit is reached."),
        ["The daily limit"],
    ),
    "a refit": (replace(SENT, refit=3), ["99.210", "predicted by its refit on all labels"]),
    "another metric": (
        LOSS,
        ["Log loss", "0.03120", "0.02000 to 0.04000", "0.05000", "+0.01880", "outside the interval"],
    ),
    "a metric of a later release": (replace(LOSS, metric="auc"), ["auc", "0.03120"]),
}


@pytest.mark.parametrize("name", SUBMISSIONS)
def test_submissions_show_expected_and_actual_score(versions, name):
    record, words = SUBMISSIONS[name]
    page = index_page.render(versions, submissions=[record])
    section = page[page.index('<section id="submissions">') :]
    assert all(word in section for word in words)


def test_curves_stand_inside_the_page(versions, tmp_path):
    assert index_page.read_pictures(tmp_path) == {"curves": [], "test_sets": []}
    png = b"\x89PNG\r\n\x1a\n" + bytes(8) + (1300).to_bytes(4, "big") + (800).to_bytes(4, "big")
    (tmp_path / "learning_curve.png").write_bytes(png)
    page = index_page.render(versions, index_page.read_pictures(tmp_path))
    assert f'src="{html.data_uri(png)}" width="866" height="533"' in page
    assert 'id="test-sets"' not in page


def test_versions_against_test_sets_have_a_section_of_their_own(versions, tmp_path):
    png = b"\x89PNG\r\n\x1a\n" + bytes(8) + (600).to_bytes(4, "big") + (300).to_bytes(4, "big")
    (tmp_path / "test_sets.png").write_bytes(png)
    page = index_page.render(versions, index_page.read_pictures(tmp_path))
    section = page[page.index('<section id="test-sets">') :]
    section = section[: section.index("</section>")]
    assert "<h2>Test sets</h2>" in section and html.data_uri(png) in section
    assert "<figcaption>What <code>evaluate</code> measured." in section
    assert '<a href="#test-sets">Test sets</a>' in page and 'id="curves"' not in page


def test_an_empty_home_says_how_to_begin():
    page = index_page.render([])
    assert "simulator.py run" in page
    assert "Nothing has been promoted yet." in page
    assert "<table" not in page


def test_the_header_leads_to_the_other_pages(versions, tmp_path):
    results = tmp_path / "metric_results"
    page, report = results / "index.html", tmp_path / "versions" / "failed" / "some" / "report.html"
    assert header(index_page.render(versions)) == [("index.html", "Digit pipeline")]
    there = navigation.on_disk(page, results, navigation.OVERVIEW)
    assert header(index_page.render(versions, navigation=there))[1:] == [("index.html", "Overview")]
    explored(results, "odd & #1")
    back = html.header(navigation.on_disk(report, results, "odd & #1"))
    overview = "../../../metric_results/index.html"
    exploration = "../../../metric_results/eda/odd%20%26%20%231/index.html"
    assert header(back) == [(overview, "Digit pipeline"), (overview, "Overview"), (exploration, "Exploration")]


def test_each_page_leads_to_the_exploration_of_its_own_dataset(tmp_path):
    results = tmp_path / "metric_results"
    report = tmp_path / "versions" / "some" / "report.html"

    def leads_to(dataset):
        return navigation.on_disk(report, results, dataset).pages.get("Exploration")

    explored(results, "digits")
    (results / "eda" / "index.html").write_text("written before each dataset had a folder")
    assert leads_to("digits") == leads_to("") == "../../metric_results/eda/digits/index.html"
    assert leads_to("mnist") is None
    explored(results, "mnist")
    assert leads_to("mnist") == "../../metric_results/eda/mnist/index.html"
    assert leads_to("") is None, "a page about several datasets leads to none of them: the overview lists them"
    page = index_page.render([], explorations=navigation.explorations(results))
    listed = page[page.index('<section id="explorations">') :]
    assert re.findall('<a href="(eda.*?)">(.*?)</a>', listed) == [
        ("eda/digits/index.html", "digits"),
        ("eda/mnist/index.html", "mnist"),
    ]


def explored(results, dataset):
    (results / "eda" / dataset).mkdir(parents=True)
    (results / "eda" / dataset / "index.html").touch()


def test_a_served_page_gets_the_header_of_its_server(versions):
    served = html.header(navigation.Navigation("/", {"Draw": "/", "Dashboard": "/dashboard"}, "Dashboard"))
    page = navigation.with_header(index_page.render(versions), served)
    assert header(page) == [("/", "Digit pipeline"), ("/", "Draw"), ("/dashboard", "Dashboard")]
    assert page.count('class="site"') == page.count('aria-current="page"') == 1
    assert navigation.with_header("<h1>An older page</h1>", served) == "<h1>An older page</h1>"


def header(page):
    shown = page[page.index('<header class="site">') : page.index("</header>")]
    return [(link, re.sub(r"<[^>]+>", "", text)) for link, text in re.findall(r'<a.*?href="(.*?)".*?>(.*?)</a>', shown)]


def test_a_watched_dataset_shows_what_is_done_for_it_and_what_happened(versions):
    state = WatchState(
        dataset="letters", inbox="/srv/<b>in</b>", every=500, at_most="1/h", pid=7, since="", started_at="",
        doing="training cnn on 4,100 images of letters@3", images=4_100, new=120, incomplete=1,
    )  # fmt: skip
    events = (
        WatchEvent(kind="batch", dataset="letters", at="2026-11-21T13:00:00Z", sentence="120 images arrived."),
        WatchEvent(
            kind="failed_batch",
            dataset="letters",
            at="2026-11-21T13:05:00Z",
            sentence="<script>x</script>.zip cannot be unpacked.",
            problem="The webhook answered with status 500.",
        ),
    )
    watched = watching.view(Watching(state=state, running=True, events=events))
    page = index_page.render(versions, watched=[watched])
    section = page[page.index('<section id="watching">') :]
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", section))
    assert "letters running" in text
    assert "is running, training cnn on 4,100 images of letters@3." in text
    counted = "When it last looked, 4,100 images were stored, 120 of them new since its last run"
    assert f"{counted}; 500 start the next, at most 1/h." in text
    assert text.index("cannot be unpacked") < text.index("120 images arrived."), "the newest comes first"
    assert "The webhook answered with status 500." in text
    assert "<script>x" not in page and "<b>in" not in page
    assert 'id="watching"' not in index_page.render(versions)
