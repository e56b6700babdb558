"use strict";
// Brings it together: data in, figures out, again whenever a filter or the data changes.
(() => {
  const { element } = Panels;
  const find = (id) => document.getElementById(id);
  const EVERY_MS = 2000;
  const MOST = { languages: 10, tags: 15 };
  const embedded = Boolean(find("facts-data"));

  let cube = null;
  let health = { signs: [], gaps: [] };
  let state = State.read();
  let people = null;
  let asked = null;
  let sampled = "";
  const open = { languages: false, tags: false };
  // Whether tweets are shown, which they are only when somebody asks for them.
  let reading = false;
  const tags = { facts: "", health: "" };

  // Data

  async function unpacked(id) {
    const text = atob(find(id).textContent.trim());
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).arrayBuffer();
  }

  /** The content of a document, or null if it is what we have. */
  async function fetched(name) {
    const answer = await fetch(name, { cache: "no-cache" });
    if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
    const tag = answer.headers.get("ETag");
    return { tag, content: tag === tags[name] ? null : await answer.arrayBuffer() };
  }

  function take(facts, said) {
    const deleted = health.deletions;
    if (said) health = JSON.parse(new TextDecoder().decode(said));
    if (facts) {
      cube = Cube.read(facts);
      asked = null;
      options();
    }
    if (facts || said) show();
    // What was deleted since it was shown must not stand here any longer.
    if (reading && health.deletions !== deleted) samples();
  }

  async function look() {
    try {
      const [facts, said] = await Promise.all([fetched("facts"), fetched("health")]);
      take(facts.content, said.content);
      tags.facts = facts.tag;
      tags.health = said.tag;
      find("notice").hidden = !health.error;
      if (health.error) notice(health.error);
    } catch {
      notice("The report does not answer; is `tweetlog report` still running? Trying again.");
    }
    tick();
    window.setTimeout(look, document.hidden ? 5 * EVERY_MS : EVERY_MS);
  }

  function notice(text) {
    find("notice").textContent = text;
    find("notice").hidden = false;
  }

  // Filters

  function options() {
    const { head } = cube;
    const named = head.languages
      .map((code) => [code, Text.language(code)])
      .sort((a, b) => a[1].localeCompare(b[1]));
    choices(find("language"), [["", "any"], ...named]);
    choices(find("rule"), [["", "any"], ...head.rules]);
    find("hashtags").replaceChildren(
      ...head.hashtags.slice(0, 500).map(([, shown]) => element("option", { value: shown })),
    );
  }

  function choices(select, pairs) {
    const kept = select.value;
    select.replaceChildren(...pairs.map(([value, text]) => element("option", { value }, text)));
    select.value = kept;
  }

  function change(changes) {
    state = { ...state, ...changes };
    State.write(state);
    const began = performance.now();
    show();
    // What it took until it was painted.
    document.documentElement.dataset.took = "";
    window.requestAnimationFrame(() =>
      window.setTimeout(() => {
        document.documentElement.dataset.took = (performance.now() - began).toFixed(1);
      }),
    );
    const count = Text.number(found.tweets);
    find("said").textContent = `${count} tweets`;
  }

  function fields() {
    find("last").value = state.from || state.to ? "chosen" : state.last;
    find("chosen").hidden = find("last").value !== "chosen";
    find("from").value = local(state.from);
    find("to").value = local(state.to);
    for (const name of ["language", "rule"]) {
      const select = find(name);
      if (![...select.options].some((option) => option.value === state[name])) {
        select.append(element("option", { value: state[name] }, `${state[name]} (not here)`));
      }
      select.value = state[name];
    }
    if (document.activeElement !== find("hashtag")) find("hashtag").value = shownTag(state.hashtag);
    find("reset").hidden = !State.filtered(state);
    for (const button of document.querySelectorAll("[data-split]")) {
      button.setAttribute("aria-pressed", String(button.dataset.split === state.split));
    }
    for (const button of document.querySelectorAll("[data-tags]")) {
      button.setAttribute("aria-pressed", String(button.dataset.tags === state.tags));
    }
  }

  function local(text) {
    return text ? text.replace("Z", "").slice(0, 16) : "";
  }

  function shownTag(folded) {
    const known = cube.head.hashtags.find(([tag]) => tag === folded);
    return known ? known[1] : folded;
  }

  /** The folded form of what was typed: one that is known, however it is written. */
  function foldedTag(typed) {
    const bare = typed.trim().replace(/^[#＃]/u, "");
    const known = cube.head.hashtags.find(([tag, shown]) => tag === bare || shown === bare);
    if (known) return known[0];
    const lower = bare.normalize("NFKC").toLowerCase();
    const alike = cube.head.hashtags.find(([tag]) => tag === lower);
    return alike ? alike[0] : lower;
  }

  function listen() {
    find("filters").addEventListener("submit", (event) => event.preventDefault());
    find("last").addEventListener("change", (event) => {
      if (event.target.value === "chosen") {
        const { head } = cube;
        const first = Text.moment(head.start).replace(" ", "T");
        change({ last: "", from: state.from || `${first}Z`, to: state.to });
      } else change({ last: event.target.value, from: "", to: "" });
    });
    for (const name of ["from", "to"]) {
      find(name).addEventListener("change", (event) =>
        change({ last: "", [name]: event.target.value ? `${event.target.value}Z` : "" }),
      );
    }
    for (const name of ["language", "rule"]) {
      find(name).addEventListener("change", (event) => change({ [name]: event.target.value }));
    }
    find("hashtag").addEventListener("change", (event) =>
      change({ hashtag: event.target.value.trim() ? foldedTag(event.target.value) : "" }),
    );
    find("reset").addEventListener("click", () => {
      change({ last: "", from: "", to: "", language: "", hashtag: "", rule: "" });
      find("last").focus();
    });
    for (const button of document.querySelectorAll("[data-split]")) {
      button.addEventListener("click", () => change({ split: button.dataset.split }));
    }
    for (const button of document.querySelectorAll("[data-tags]")) {
      button.addEventListener("click", () => change({ tags: button.dataset.tags }));
    }
    for (const button of document.querySelectorAll("[data-more]")) {
      button.addEventListener("click", () => {
        open[button.dataset.more] = !open[button.dataset.more];
        show();
      });
    }
    window.addEventListener("hashchange", () => {
      state = State.read();
      show();
    });
    find("show").addEventListener("click", () => {
      reading = !reading;
      samples();
    });
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show());
    new ResizeObserver(() => window.requestAnimationFrame(() => cube && time())).observe(find("time"));
  }

  // Figures

  let chosen = null;
  let found = null;
  let parts = [];

  function show() {
    diagnose();
    if (!cube) return;
    const any = cube.head.tweets > 0;
    find("empty").hidden = any;
    find("report").hidden = !any;
    find("place").textContent = cube.head.cloud ? `BigQuery ${cube.head.place}` : cube.head.place;
    document.title = `${cube.head.place} · tweetlog report`;
    foot();
    tick();
    if (!any) return;
    fields();
    chosen = State.filters(state, cube);
    found = Cube.count(cube, chosen);
    ask();
    figures();
    time();
    languages();
    hashtags();
    rules();
    kinds();
    differences();
    crowd();
    if (reading && State.question(state, cube, chosen) !== sampled) samples();
    document.documentElement.dataset.tweets = String(found.tweets);
  }

  function diagnose() {
    const any = health.signs.length > 0;
    find("whole").hidden = !any;
    // Room is kept for it, so that nothing moves when it arrives.
    find("health").hidden = !any && !(cube && cube.head.tweets);
    if (!any) return;
    Health.signs(find("signs"), health.signs);
    Health.verdict(find("verdict"), health.signs);
    Health.whole(find("whole-grid"), health);
  }

  function tick() {
    const live = Boolean(health.live === undefined ? cube && cube.head.live : health.live);
    find("pulse").hidden = embedded || !cube;
    find("pulse").classList.toggle("live", live);
    const loaded = cube && cube.head.loaded_at;
    find("pulse-text").textContent = live ? "live" : loaded ? `last load ${Text.ago(loaded)}` : "waiting";
  }

  function figures() {
    const { head } = cube;
    const authors = people ? counted(people, "authors") : null;
    const each = authors ? `${(counted(people, "authors", "tweets") / authors).toFixed(1)} tweets each` : "";
    const shown = [
      ["Tweets", Text.number(found.tweets), found.tweets === head.tweets ? "all" : `${Text.share(found.tweets, head.tweets)} of ${Text.number(head.tweets)}`],
      ["Accounts", authors === null ? "…" : Text.number(authors), embedded && State.filtered(state) ? "of all tweets" : each],
      ["Languages", Text.number(chosen.language >= 0 ? Math.min(1, found.tweets) : [...found.languages].filter((count) => count > 0).length), "detected"],
      ["Hashtags", Text.number([...Cube.members(head.hashtag_sets, found.ownTagSets, head.hashtags.length)].filter((count) => count > 0).length), "different"],
      ["Cost", Text.money(Cube.paid(cube, found) * 0.005), `${Text.number(Cube.paid(cube, found))} Posts by a rule`],
    ];
    const holder = find("figures");
    if (!holder.children.length) {
      holder.append(
        ...shown.map(() => element("div", { className: "figure" }, element("span", { className: "label" }), element("strong"), element("span", { className: "quiet" }))),
      );
    }
    shown.forEach(([label, value, more], n) => {
      const [first, second, third] = holder.children[n].children;
      first.textContent = label;
      second.textContent = value;
      third.textContent = more;
      second.id = `figure-${label.toLowerCase()}`;
    });
  }

  function ordered(counts, skip = () => false) {
    return [...counts.keys()]
      .filter((n) => counts[n] > 0 && !skip(n))
      .sort((a, b) => counts[b] - counts[a] || a - b);
  }

  /** The languages that have a colour of their own: the most frequent ones of all, whatever the filter. */
  let colored = { cube: null, languages: [] };

  function colorOf(n) {
    if (colored.cube !== cube) {
      const all = new Float64Array(cube.head.languages.length);
      for (let at = 0; at < cube.head.groups; at += 1) all[cube.column.language[at]] += cube.column.tweets[at];
      colored = { cube, languages: ordered(all).slice(0, 6) };
    }
    return colored.languages.indexOf(n);
  }

  function time() {
    if (!found) return;
    const { head } = cube;
    const split = state.split;
    colorOf(0);
    const values =
      split === "language" ? colored.languages : split === "kind" ? ordered(found.kinds).slice(0, 6) : [];
    const bins = Cube.bins(chosen);
    const series = Cube.series(cube, chosen, bins, split, values);
    const all = values.map((n, at) => ({
      name: split === "language" ? Text.language(head.languages[n]) : head.kinds[n],
      color: `--c${at}`,
      values: series[at],
    }));
    const rest = { name: all.length ? "others" : "tweets", color: all.length ? "--other" : "--c0", values: series[series.length - 1] };
    // What the filters leave nothing of has no place in the legend; its colour is kept for it.
    parts = [...all, rest].map((part) => ({ ...part, sum: part.values.reduce((a, b) => a + b, 0) })).filter((part) => part.sum > 0);
    if (!parts.length) parts = [{ ...rest, sum: 0 }];
    const step = bins.each * head.step;
    const start = head.start + chosen.from * head.step;
    const made = {
      x: Float64Array.from({ length: bins.count }, (_, n) => start + n * step),
      series: parts.map((part) => part.values),
      gaps: Health.gaps(health),
      step,
    };
    find("legend").replaceChildren(
      ...parts.map((part) => {
        const swatch = element("span", { className: "swatch", "aria-hidden": "true" });
        swatch.style.background = `var(${part.color})`;
        const name = element("span");
        Text.put(name, part.name);
        return element("li", {}, swatch, name, element("span", { className: "quiet" }, Text.number(part.sum)));
      }),
      ...(made.gaps.length ? [element("li", {}, element("span", { className: "swatch hole", "aria-hidden": "true" }), "nobody listened")] : []),
    );
    find("time").setAttribute(
      "aria-label",
      `Tweets over time, ${Text.moment(start)} to ${Text.moment(start + bins.count * step)} UTC, by ${span(step)}: ` +
        parts.map((part) => `${part.name} ${Text.number(part.sum)}`).join(", "),
    );
    Charts.time(find("time"), parts, made, { point: (n) => point(made, n), chose: zoom });
    point(made, null);
    timeTable(made);
  }

  function span(step) {
    if (step % 86400 === 0) return step === 86400 ? "day" : `${step / 86400} days`;
    if (step % 3600 === 0) return step === 3600 ? "hour" : `${step / 3600} hours`;
    return step === 60 ? "minute" : `${step / 60} minutes`;
  }

  function point(made, n) {
    const text = find("readout");
    if (n === null || n === undefined || n >= made.x.length) {
      text.textContent = `By ${span(made.step)}, UTC. Drag over the chart to look at a part of it.`;
      return;
    }
    const values = parts.map((part, at) => [part.name, made.series[at][n]]).filter(([, value]) => value);
    text.textContent = `${Text.moment(made.x[n], made.step)}  ${values.map(([name, value]) => `${name} ${Text.number(value)}`).join(" · ") || "nothing"}`;
  }

  function zoom(from, to) {
    const { head } = cube;
    const rounded = (seconds, way) => head.start + way((seconds - head.start) / head.step) * head.step;
    const text = (seconds) => new Date(seconds * 1000).toISOString().replace(/:\d\d\.\d+Z$/, "Z");
    change({ last: "", from: text(rounded(from, Math.floor)), to: text(rounded(to, Math.ceil)) });
  }

  function timeTable(made) {
    const table = find("time-table");
    if (!table.closest("details").open) {
      table.closest("details").ontoggle = () => timeTable(made);
      return;
    }
    const header = element("tr", {}, element("th", { scope: "col" }, "from (UTC)"), ...parts.map((part) => element("th", { scope: "col", className: "number" }, part.name)));
    const rows = [...made.x].map((moment, n) =>
      element("tr", {}, element("th", { scope: "row" }, Text.moment(moment, made.step)), ...parts.map((_, at) => element("td", { className: "number" }, Text.number(made.series[at][n])))),
    );
    table.replaceChildren(element("thead", {}, header), element("tbody", {}, ...rows));
  }

  function more(name, all, shown) {
    const button = document.querySelector(`[data-more=${name}]`);
    button.hidden = all.length <= MOST[name];
    button.textContent = open[name] ? "Show fewer" : `Show ${Text.number(Math.min(all.length, 200) - shown.length)} more`;
    button.setAttribute("aria-expanded", String(open[name]));
  }

  function languages() {
    const all = ordered(found.languages);
    const shown = all.slice(0, open.languages ? 200 : MOST.languages);
    const sum = found.languages.reduce((a, b) => a + b, 0);
    const most = found.languages[all[0]];
    Panels.table(
      find("languages"), "Languages", ["language", "tweets", "share", "X differs"],
      shown.map((n) => ({
        key: cube.head.languages[n],
        name: Text.language(cube.head.languages[n]),
        part: found.languages[n] / most,
        color: state.split !== "language" ? "" : colorOf(n) < 0 ? "--other" : `--c${colorOf(n)}`,
        chosen: chosen.language === n,
        aside: chosen.language >= 0 && chosen.language !== n,
        cells: [Text.number(found.languages[n]), Text.share(found.languages[n], sum), Text.number(found.differs[n])],
      })),
      (row) => change({ language: row.chosen ? "" : row.key }),
    );
    more("languages", all, shown);
  }

  function hashtags() {
    const { head } = cube;
    const name = (n) => `#${head.hashtags[n][1]}`;
    const note = {
      top: head.hashtags_left_out ? `Of the ${Text.number(head.hashtags.length)} most frequent; ${Text.number(head.hashtags_left_out)} rarer ones are not told apart.` : "By the spelling that people use most.",
      rising: "The last quarter of the time shown against the rest of it: how many standard deviations above what is usual.",
      together: chosen.hashtag >= 0 ? "What stands in the same tweets." : "Pairs in the same tweet. Choose a hashtag to see what it is mentioned with.",
    };
    find("hashtags-note").textContent = note[state.tags];
    const choose = (row) => change({ hashtag: row.chosen ? "" : row.key });
    const mark = (n) => ({ key: head.hashtags[n][0], name: name(n), chosen: chosen.hashtag === n, aside: chosen.hashtag >= 0 && chosen.hashtag !== n });
    const limit = open.tags ? 200 : MOST.tags;
    if (state.tags === "rising") {
      const all = Cube.rising(cube, found);
      const shown = all.slice(0, limit);
      Panels.table(find("hashtag-table"), "Rising hashtags", ["hashtag", "tweets", "usual", "rise"],
        shown.map((one) => ({ ...mark(one.tag), part: one.rise / all[0].rise, cells: [Text.number(one.tweets), one.usual.toFixed(1), `+${one.rise.toFixed(1)} σ`] })), choose);
      more("tags", all, shown);
      return;
    }
    if (state.tags === "together") {
      const all = Cube.together(cube, found, chosen.hashtag);
      const shown = all.slice(0, limit);
      Panels.table(find("hashtag-table"), "Hashtags in the same tweet", ["hashtags", "tweets", "", ""],
        shown.map((pair) => {
          const other = pair.one === chosen.hashtag ? pair.other : pair.one;
          return { key: head.hashtags[other][0] + (chosen.hashtag >= 0 ? "" : ` ${pair.other}`), value: other, name: chosen.hashtag >= 0 ? name(other) : `${name(pair.one)}  ${name(pair.other)}`, part: pair.tweets / all[0].tweets, cells: [Text.number(pair.tweets), "", ""] };
        }),
        (row) => change({ hashtag: head.hashtags[row.value][0] }));
      more("tags", all, shown);
      return;
    }
    const counts = Cube.members(head.hashtag_sets, found.tagSets, head.hashtags.length);
    const all = ordered(counts);
    const shown = all.slice(0, limit);
    const sum = found.tagSets.reduce((a, b) => a + b, 0);
    Panels.table(find("hashtag-table"), "Top hashtags", ["hashtag", "tweets", "share", ""],
      shown.map((n) => ({ ...mark(n), part: counts[n] / counts[all[0]], cells: [Text.number(counts[n]), Text.share(counts[n], sum), ""] })), choose);
    more("tags", all, shown);
  }

  function rules() {
    const { rules: all, without } = Cube.rules(cube, found);
    const shown = all.filter((rule) => rule.tweets > 0);
    const most = Math.max(without, ...shown.map((rule) => rule.tweets));
    const rows = shown.map((rule) => ({
      key: rule.id, name: rule.name, part: rule.tweets / most,
      chosen: chosen.rule === rule.n, aside: chosen.rule >= 0 && chosen.rule !== rule.n,
      cells: [Text.number(rule.tweets), Text.number(rule.only), Text.money(rule.cost)],
    }));
    Panels.table(find("rules"), "Rules", ["rule", "tweets", "no other", "cost"], rows,
      (row) => change({ rule: row.chosen ? "" : row.key }));
    if (without) {
      const row = { key: "", name: "without a rule", part: without / most, aside: chosen.rule >= 0, cells: [Text.number(without), "–", Text.money(0)] };
      plainRow(find("rules"), row);
    }
  }

  /** Add a row that cannot be chosen. */
  function plainRow(table, row) {
    const body = table.tBodies[0];
    const bar = element("span", { className: "bar", "aria-hidden": "true" });
    bar.style.width = `${(100 * row.part).toFixed(2)}%`;
    body.append(
      element("tr", { className: row.aside ? "aside" : "" }, element("th", { scope: "row" }, element("span", { className: "name quiet" }, row.name), bar), ...row.cells.map((text) => element("td", { className: "number" }, text))),
    );
  }

  function kinds() {
    const all = ordered(found.kinds);
    Panels.table(find("kinds"), "Kinds of tweets", ["kind", "tweets", "share"],
      all.map((n, at) => ({ key: n, color: state.split === "kind" ? `--c${at}` : "", name: cube.head.kinds[n] || "not known", part: found.kinds[n] / found.kinds[all[0]], cells: [Text.number(found.kinds[n]), Text.share(found.kinds[n], found.tweets)] })));
  }

  function differences() {
    const width = cube.head.x_languages.length;
    const all = ordered(found.pairs);
    Panels.table(find("differences"), "Pairs of languages", ["detected, and X's", "tweets"],
      all.slice(0, 6).map((n) => ({
        key: n,
        name: `${Text.language(cube.head.languages[Math.floor(n / width)])} → ${Text.language(cube.head.x_languages[n % width])}`,
        part: found.pairs[n] / found.pairs[all[0]],
        cells: [Text.number(found.pairs[n])],
      })));
  }

  // What cannot be added up is asked of the server

  function counted(rows, what, column = "counted") {
    return rows.filter((row) => row.what === what).reduce((sum, row) => sum + row[column], 0);
  }

  /** Until the answer is there, what was known before is shown, faintly. */
  function ask() {
    const question = State.question(state, cube, chosen);
    if (!question || embedded) {
      people = cube.head.people;
      asked = question;
      pending(false);
      return;
    }
    if (question === asked) return;
    asked = question;
    pending(true);
    const began = performance.now();
    fetch(`people?${question}`)
      .then((answer) => (answer.ok ? answer.json() : Promise.reject(answer)))
      .then((answer) => {
        if (question !== asked) return;
        people = answer.rows;
        pending(false);
        figures();
        crowd();
        document.documentElement.dataset.asked = (performance.now() - began).toFixed(1);
      })
      .catch(() => {
        if (question === asked) asked = null;
      });
  }

  function pending(is) {
    for (const id of ["figures", "people"]) find(id).classList.toggle("pending", is);
  }

  function crowd() {
    const partly = embedded && State.filtered(state);
    find("people-note").textContent = partly
      ? "Of all tweets: accounts cannot be added up, so filters do not apply to them in a file."
      : "How much each posts, how long each gets. Nobody is named.";
    for (const [what, title] of [["authors", "accounts with"], ["conversations", "conversations of"]]) {
      const rows = (people || []).filter((row) => row.what === what);
      const most = Math.max(1, ...rows.map((row) => row.counted));
      Panels.table(find(what), `Sizes of ${what}`, [`${title} … tweets`, what === "authors" ? "accounts" : "conversations", "tweets"],
        rows.map((row) => ({ key: row.tweets_each, name: row.tweets_each, part: row.counted / most, cells: [Text.number(row.counted), Text.number(row.tweets)] })));
    }
  }

  /** Tweets that fit the filters, asked anew each time: what was deleted is never among them. */
  async function samples() {
    const list = find("samples");
    find("show").textContent = reading ? "Hide them" : "Show the newest";
    find("show").setAttribute("aria-expanded", String(reading));
    list.hidden = !reading;
    sampled = "";
    if (!reading) {
      list.replaceChildren();
      return;
    }
    const question = State.question(state, cube, chosen);
    sampled = question;
    let made;
    try {
      const answer = await fetch(`tweets?${question}`);
      const { rows, error } = await answer.json();
      if (error) throw new Error(error);
      made = rows.length ? rows.map(sample) : [element("li", { className: "quiet" }, "No tweet fits the filters.")];
    } catch (reason) {
      made = [element("li", { className: "quiet" }, `Not to be had: ${reason.message}`)];
    }
    if (reading && question === sampled) list.replaceChildren(...made);
  }

  function sample(tweet) {
    const text = element("p", { className: "tweet" });
    Text.put(text, decoded(tweet.text || ""));
    const id = /^\d{1,20}$/.test(tweet.tweet_id) ? tweet.tweet_id : "";
    const link = element("a", { href: `https://x.com/i/status/${id}`, rel: "noopener noreferrer external" }, "on X");
    const said = `${(tweet.created_at || "").replace("T", " ").slice(0, 16)} · ${Text.language(tweet.language || "und")} · ${tweet.kind}${tweet.partial ? " · cut short" : ""} `;
    return element("li", {}, text, element("p", { className: "quiet" }, said, link));
  }

  /** X writes three characters of a text as HTML would; as text they are themselves again. */
  function decoded(text) {
    return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
  }

  function foot() {
    const { head } = cube;
    const said = [];
    if (head.first_at) said.push(`${Text.number(head.tweets)} tweets from ${Text.moment(Date.parse(head.first_at) / 1000)} to ${Text.moment(Date.parse(head.last_at) / 1000)} UTC, counted by ${span(head.step)}.`);
    if (head.cost) said.push(`This look read ${(head.cost.bytes / 1e6).toFixed(0)} MB in BigQuery, about ${head.cost.usd < 0.01 ? "less than $0.01" : Text.money(head.cost.usd)} at list price; a filter asks for the accounts anew, and for nothing else.`);
    if (embedded) said.push("A copy: figures do not change any more, and no text of a tweet is in it.");
    find("foot").textContent = said.join(" ");
  }

  listen();
  if (embedded) {
    find("samples-panel").hidden = true;
    Promise.all([unpacked("facts-data"), unpacked("health-data")]).then(([facts, said]) => take(facts, said));
  } else {
    look();
  }
})();
