"use strict";
// Whether the pipeline is whole: the strip at the top, and the tables behind it.
const Health = (() => {
  const { element } = Panels;
  const WORDS = { good: "good", note: "worth a look", bad: "bad", unknown: "not known" };
  const MARKS = { good: "✓", note: "!", bad: "✕", unknown: "…" };

  function signs(list, found) {
    const made = found.map((sign) =>
      element(
        "li",
        { className: `sign ${sign.level}` },
        element("span", { className: "mark", "aria-hidden": "true" }, MARKS[sign.level]),
        element(
          "span",
          { className: "body" },
          element("span", { className: "label" }, sign.name, element("span", { className: "hidden" }, ` (${WORDS[sign.level]})`)),
          element("strong", {}, sign.moment ? Text.ago(sign.moment) : sign.says),
          element("span", { className: "detail" }, sign.more),
        ),
      ),
    );
    list.replaceChildren(...made);
  }

  const GRAVE = ["bad", "note", "unknown", "good"];
  const SAYS = { good: "All is well", note: "Whole, worth a look", bad: "Not whole", unknown: "Being checked" };

  /** All signs in one: the gravest, said in words and a mark; the proof alone decides on wholeness. */
  function verdict(holder, found) {
    const proof = found.find((sign) => sign.name === "Proof");
    const level = proof.level === "good" ? GRAVE.find((one) => found.some((sign) => sign.level === one)) : proof.level;
    const about = found.filter((sign) => sign.level === level && level !== "good").map((sign) => sign.name);
    holder.className = `verdict ${level}`;
    holder.querySelector(".mark").textContent = MARKS[level];
    holder.querySelector("h2").textContent = SAYS[level];
    holder.querySelector("p").textContent = about.length ? about.join(", ") : "Nothing lost, nothing doubled.";
  }

  function table(title, columns, rows) {
    const holder = element("div", { className: "block" }, element("h3", {}, title));
    if (!rows.length) {
      holder.append(element("p", { className: "quiet" }, "none"));
      return holder;
    }
    const body = rows.map((row) =>
      element(
        "tr",
        {},
        ...row.map((cell, n) => {
          const made = element(n ? "td" : "th", n ? {} : { scope: "row" });
          if (typeof cell === "number") {
            made.className = "number";
            made.textContent = Text.number(cell);
          } else {
            Text.put(made, cell === null || cell === undefined ? "–" : String(cell));
          }
          return made;
        }),
      ),
    );
    const headings = columns.map((column, n) =>
      element("th", { scope: "col", className: typeof rows[0][n] === "number" ? "number" : "" }, column),
    );
    const scroll = element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": title });
    scroll.append(
      element("table", { className: "plain" }, element("thead", {}, element("tr", {}, ...headings)), element("tbody", {}, ...body)),
    );
    holder.append(scroll);
    return holder;
  }

  function whole(holder, found) {
    const moment = (text) => text.replace("T", " ").replace(/(\.\d+)?Z$/, "");
    const lag = found.lag;
    const seconds = Text.duration;
    const made = [
      table(
        "Dead letters by reason",
        ["stage", "reason", "events", "an example"],
        found.rejections.map((row) => [row.stage, row.reason_class, row.events, row.example]),
      ),
      table(
        "Holes in the stream",
        ["from", "to", "length", "cause", "repair"],
        found.gaps.slice(0, 20).map((row) => [
          moment(row.from_time), moment(row.to_time), seconds(row.seconds), row.cause,
          row.complete ? `${row.repair}, whole` : row.repair,
        ]),
      ),
      table(
        "How long the last hour's rows took",
        ["from the moment that", "median", "99 %"],
        lag
          ? [
              ["X posted it", seconds(lag.created_to_loaded_p50), seconds(lag.created_to_loaded_p99)],
              ["it was received", seconds(lag.received_to_loaded_p50), seconds(lag.received_to_loaded_p99)],
              ["it was enriched", seconds(lag.enriched_to_loaded_p50), seconds(lag.enriched_to_loaded_p99)],
            ]
          : [],
      ),
      table(
        "Enricher versions in the table",
        ["version", "tweets", "share", "by a replay"],
        found.versions.map((row) => [
          String(row.enricher_version), row.tweets, Text.share(row.share, 1), row.replayed,
        ]),
      ),
      table("Left out and passed over", ["what", "how many"], [
        ["messages that came again and changed nothing", found.duplicates.duplicates],
        ["messages in the event store", found.duplicates.messages],
        ["tweets deleted for ever", found.deletions],
      ]),
    ];
    holder.replaceChildren(...made);
  }

  /** The holes as the chart shades them: those that are not repaired whole. */
  function gaps(found) {
    return (found.gaps || [])
      .filter((gap) => !gap.complete)
      .map((gap) => ({ from: Date.parse(gap.from_time) / 1000, to: Date.parse(gap.to_time) / 1000 }));
  }

  return Object.freeze({ signs, verdict, whole, gaps });
})();
