"""The gate record as a PDF: A4 or Letter, embedded fonts, page numbers, everything that people typed escaped."""

import io
from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    KeepTogether,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)
from reportlab.platypus.doctemplate import LayoutError

from approvals.pages.paper import BOLD, INK, LINE, plain_paragraphs, text_flowables
from approvals.pages.record import GateRecord
from approvals.pages.sheets import (
    CODE,
    FOOT,
    HASH,
    HEAD,
    MARGIN,
    PAPERS,
    SECTION,
    SMALL,
    STRONG,
    TITLE,
    Mark,
    Numbered,
    Writer,
    register_fonts,
    style,
)


def record_pdf(record: GateRecord, *, verify_url: str, paper: str = "a4") -> bytes:
    """The file's bytes; `paper` is a4 or letter."""
    register_fonts()
    try:
        return _build(record, verify_url, paper, is_plain=False)
    except (LayoutError, ValueError):  # somebody's text that fits on no page stands as it was written
        return _build(record, verify_url, paper, is_plain=True)


def _build(record: GateRecord, verify_url: str, paper: str, *, is_plain: bool) -> bytes:
    width, height = PAPERS.get(paper, A4)
    out = io.BytesIO()
    document = BaseDocTemplate(
        out, pagesize=(width, height), title=f"Gate record: {record.gate.name}, {record.release}",
        author=str(record.made_by), subject=record.state_words, creator="gatekeeper", lang="en",
    )  # fmt: skip
    frame = Frame(MARGIN, FOOT, width - 2 * MARGIN, height - HEAD - FOOT, 0, 0, 0, 0)
    document.addPageTemplates([PageTemplate(frames=[frame])])
    document.build(
        _story(record, Writer(width - 2 * MARGIN, is_plain=is_plain), verify_url),
        canvasmaker=lambda *args, **kwargs: Numbered(
            *args,
            head="Gate record",
            aside=f"{record.organisation or 'gatekeeper'} · Confidential",
            foot=f"{record.release} · Gate {record.gate.position} · made {record.made} by {record.made_by}",
            **kwargs,
        ),
    )
    return out.getvalue()


def _story(record: GateRecord, w: Writer, verify_url: str) -> list[Flowable]:
    story: list[Flowable] = [w.p(record.over, SMALL), w.p(record.gate.name, TITLE), Spacer(0, 6)]
    state = Table(
        [[Mark(record.icon, 20), [w.p(record.state_words, style(11, 15, BOLD)), w.p(record.state_line, SMALL)]]],
        colWidths=[36, w.width - 36],
    )
    state.setStyle(TableStyle([("BOX", (0, 0), (-1, -1), 0.9, INK, None, None, None, 1),
                               ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                               ("LEFTPADDING", (0, 0), (-1, -1), 9), ("TOPPADDING", (0, 0), (-1, -1), 7),
                               ("BOTTOMPADDING", (0, 0), (-1, -1), 8)]))  # fmt: skip
    story += [state, Spacer(0, 8)]
    details = [[w.p(name, SMALL), w.p(words, STRONG)] for name, words in record.details]
    grid = Table([[details[i], details[i + 1], details[i + 2]] for i in (0, 3)], colWidths=[w.width / 3] * 3)
    grid.setStyle(
        TableStyle([("LEFTPADDING", (0, 0), (-1, -1), 0), ("VALIGN", (0, 0), (-1, -1), "TOP"),
                    ("TOPPADDING", (0, 0), (-1, -1), 2), ("BOTTOMPADDING", (0, 0), (-1, -1), 4)])
    )  # fmt: skip
    story.append(grid)
    number = 0

    def section(name: str) -> Flowable:
        nonlocal number
        number += 1
        return Paragraph(f"{number} {w.clean(name)}", SECTION)

    story += _waiver(record, w, section)
    story.append(section("Decisions" + (f" of round {record.gate.round_number}" if record.gate.round_number else "")))
    story += _decisions(record, w)
    if record.conditions:
        story.append(section("Conditions"))
        rows = [
            [str(i), [w.p(c.text), *([w.p(c.note, SMALL)] if c.note else [])], c.owner, c.due_on, c.state]
            for i, c in enumerate(record.conditions, 1)
        ]
        story.append(w.table(("No.", "Condition", "Owner", "Due", "State"), rows, (1, 8, 3, 2.4, 4)))
    if record.comments:
        story.append(section("Comments of the approvers"))
        story += [w.with_lead(f"{who}:", text, style(9, 13, spaceAfter=4)) for who, text in record.comments]
    if record.checks:
        story.append(section("Checks at the time of submission"))
        rows = [[w.marked(c.icon, c.name), c.words, c.summary] for c in record.checks]
        story.append(w.table(("Check", "Result", "Summary"), rows, (6, 4, 6)))
    story.append(section("Evidence"))
    story += _evidence(record, w)
    if record.rounds:
        story.append(section("Rounds"))
        rows = [
            [str(r.number), f"{r.submitted} by {r.by}", [w.marked(r.icon, r.outcome), w.p(r.ended, SMALL)],
             [w.p(r.digest[:32], HASH), w.p(r.digest[32:], HASH)]]
            for r in record.rounds
        ]  # fmt: skip
        story.append(w.table(("No.", "Submitted", "Outcome", "Digest, SHA-256"), rows, (1, 5.4, 5, 6)))
    story.append(section("History"))
    rows = [[h.when, [w.p(h.text), *([w.p(f"“{h.quote}”", SMALL)] if h.quote else [])]] for h in record.history]
    story.append(w.table(("", ""), rows, (4, 12)) if rows else w.p("Nothing has happened yet.", SMALL))
    said = "comment" if record.comment_count == 1 else "comments"
    more = " Earlier events are left out here; the activity of the release has them." if record.has_more_history else ""
    story.append(Spacer(0, 4))
    story.append(w.p(f"The discussion has {record.comment_count} {said}; they are no decisions.{more}", SMALL))
    story += [Spacer(0, 12), KeepTogether(_integrity(record, w, verify_url))]
    return story


def _waiver(record: GateRecord, w: Writer, section: Any) -> list[Flowable]:
    found: list[Flowable] = []
    waiver = record.waiver
    if waiver is not None:
        who = f"{waiver.printed_name}{f', {waiver.printed_title}' if waiver.printed_title else ''}"
        found += [section("Waiver"), w.with_lead(f"{who}:", waiver.reason)]
        found.append(w.p(f"{record.waiver_when} · expires {waiver.expires_on.isoformat()}", SMALL))
        if waiver.meaning:
            found.append(w.p(f"Signed: “{waiver.meaning}”", SMALL))
    if record.exceptions:
        found += [section("Exceptions"), w.table(("What is excused", "By whom and why"), record.exceptions, (5, 11))]
    return found


def _decisions(record: GateRecord, w: Writer) -> list[Flowable]:
    rows = []
    for d in record.decisions:
        person: list[Flowable] = [w.p(d.person)] if d.person else []
        person += [w.p(d.title, SMALL)] if d.title else []
        verdict: list[Flowable] = [w.marked(d.icon, d.words)]
        verdict += [w.p(d.note, SMALL)] if d.note else []
        verdict += [w.p(f"Signed: “{d.meaning}”", SMALL)] if d.meaning else []
        rows.append([d.role, d.quorum, person, verdict, d.when])
    found: list[Flowable] = [
        w.table(("Role", "Quorum", "Person", "Decision", "When"), rows, (3.4, 1.8, 4, 5.4, 4))
        if rows
        else w.p("No round was put to the approvers.", SMALL)
    ]
    found += [w.p(f"{who} stepped aside, {when}: {why}", SMALL) for who, when, why in record.recusals]
    return found


def _evidence(record: GateRecord, w: Writer) -> list[Flowable]:
    if not record.evidence:
        return [w.p("No evidence is on record.", SMALL)]
    rows = [
        [w.p(e.deliverable, STRONG), e.kind, e.author, [w.p(line, HASH) for line in e.hash_lines]]
        for e in record.evidence
    ]
    found: list[Flowable] = [w.table(("Deliverable", "Kind", "From", "SHA-256"), rows, (4.6, 4, 3, 6.2))]
    for text in record.texts:
        found.append(w.p(text.deliverable, style(9, 13, BOLD, spaceBefore=8, keepWithNext=1)))
        found += plain_paragraphs(text.text, w) if w.is_plain else text_flowables(text.text, w)
        if text.is_cut:
            found.append(w.p("The text goes on; the page of the round has it whole.", SMALL))
    return found


def _integrity(record: GateRecord, w: Writer, verify_url: str) -> list[Flowable]:
    code = record.code
    said = record.broken or "Digest and event chain were recomputed when this record was made, and hold."
    inside: list[Flowable] = [w.p("Integrity", STRONG), w.p(said, SMALL)]
    if record.rounds:
        inside += [w.p(f"Digest of round {record.rounds[-1].number}", SMALL), w.p(record.rounds[-1].digest, HASH)]
    inside += [w.p(f"Event {code.number} of the release, the head of its chain", SMALL), w.p(code.hash, HASH)]
    inside += [w.p(f"Times are in {record.zone}. Verify this record at {verify_url} with the code", SMALL)]
    inside += [w.p(code.text, CODE)]
    if w.unknown:
        inside.append(
            w.p(f"{len(w.unknown)} characters cannot be drawn here; the page of this record has them.", SMALL)
        )
    box = Table([[Mark("ok" if not record.broken else "dec", 14), inside]], colWidths=[30, w.width - 30])
    box.setStyle(TableStyle([("BOX", (0, 0), (-1, -1), 0.8, LINE), ("VALIGN", (0, 0), (-1, -1), "TOP"),
                             ("LEFTPADDING", (0, 0), (-1, -1), 9), ("TOPPADDING", (0, 0), (-1, -1), 8),
                             ("BOTTOMPADDING", (0, 0), (-1, -1), 9)]))  # fmt: skip
    return [box]
