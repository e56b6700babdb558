"use strict";
// What is asked for. It lives in the address behind the #, so that it survives a reload, can be sent
// to somebody, and works in a file as well.
const State = (() => {
  const NAMES = ["last", "from", "to", "language", "hashtag", "rule", "split", "tags"];
  const FILTERS = ["last", "from", "to", "language", "hashtag", "rule"];
  const SPANS = { "1h": 3600, "24h": 86400, "7d": 604800, "30d": 2592000 };
  const DEFAULTS = { split: "language", tags: "top" };

  function read() {
    const given = new URLSearchParams(window.location.hash.slice(1));
    const state = {};
    for (const name of NAMES) state[name] = given.get(name) || DEFAULTS[name] || "";
    return state;
  }

  function write(state) {
    const kept = new URLSearchParams();
    for (const name of NAMES) {
      if (state[name] && state[name] !== DEFAULTS[name]) kept.set(name, state[name]);
    }
    const text = kept.toString();
    window.history.replaceState(null, "", text ? `#${text}` : "#");
  }

  function filtered(state) {
    return FILTERS.some((name) => state[name]);
  }

  /** Seconds since 1970 of a moment as the fields write it, which is UTC; null for none. */
  function seconds(text) {
    const parsed = Date.parse(`${text}${/Z|[+-]\d\d:?\d\d$/.test(text) ? "" : "Z"}`);
    return text && !Number.isNaN(parsed) ? parsed / 1000 : null;
  }

  /** The state as numbers of the cube; what it does not know matches nothing. */
  function filters(state, cube) {
    const { head } = cube;
    const end = head.last_at ? Math.floor(Date.parse(head.last_at) / 1000) + 1 : cube.end;
    let from = seconds(state.from);
    let to = seconds(state.to);
    if (SPANS[state.last]) {
      from = end - SPANS[state.last];
      to = null;
    }
    const bucket = (moment) => (moment - head.start) / head.step;
    const start = from === null ? 0 : Math.max(0, Math.floor(bucket(from)));
    const stop = to === null ? cube.buckets : Math.min(cube.buckets, Math.ceil(bucket(to)));
    return {
      from: Math.min(start, cube.buckets),
      to: Math.max(Math.min(start, cube.buckets), stop),
      language: state.language ? known(head.languages.indexOf(state.language)) : -1,
      hashtag: state.hashtag ? known(head.hashtags.findIndex(([tag]) => tag === state.hashtag)) : -1,
      rule: state.rule ? known(head.rules.findIndex(([id]) => id === state.rule)) : -1,
    };
  }

  function known(place) {
    return place < 0 ? Number.MAX_SAFE_INTEGER : place;
  }

  /** The parameters of a question to the server. */
  function question(state, cube, chosen) {
    const asked = new URLSearchParams();
    const at = (bucket) => new Date((cube.head.start + bucket * cube.head.step) * 1000).toISOString();
    if (chosen.from > 0) asked.set("from", at(chosen.from));
    if (chosen.to < cube.buckets) asked.set("to", at(chosen.to));
    for (const name of ["language", "hashtag", "rule"]) if (state[name]) asked.set(name, state[name]);
    return asked.toString();
  }

  return Object.freeze({ read, write, filtered, filters, question });
})();
