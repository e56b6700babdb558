"use strict";
// The table of counts, and everything that is added up from it. Nothing here touches the page.
const Cube = (() => {
  const KINDS = { 2: Uint16Array, 4: Uint32Array };

  /** Read the packed form (see cube.py) into its head and its columns. */
  function read(buffer) {
    const view = new DataView(buffer);
    const length = view.getUint32(0, true);
    const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    const column = {};
    let at = 4 + length;
    for (const [name, bytes] of head.columns) {
      column[name] = new KINDS[bytes](buffer, at, head.groups);
      at += Math.ceil((head.groups * bytes) / 4) * 4;
    }
    const buckets = head.groups ? column.bucket[head.groups - 1] + 1 : 0;
    return { head, column, buckets, end: head.start + buckets * head.step };
  }

  /** The first group of a bucket, or of a later one: groups are in order of time. */
  function first(bucket, column, groups) {
    let low = 0;
    let high = groups;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (column[middle] < bucket) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Which of the sets hold a member; all of them where none is asked for. */
  function holding(sets, member) {
    const held = new Uint8Array(sets.length);
    for (let n = 0; n < sets.length; n += 1) held[n] = member < 0 || sets[n].includes(member) ? 1 : 0;
    return held;
  }

  /**
   * Add up what the filters leave. Every dimension is counted without its own filter, so that one
   * can see what else there is to choose.
   */
  function count(cube, filters) {
    const { head, column } = cube;
    const { bucket, language, x_language: xLanguage, kind, rules, hashtags, tweets } = column;
    const from = first(filters.from, bucket, head.groups);
    const to = first(filters.to, bucket, head.groups);
    const tagged = holding(head.hashtag_sets, filters.hashtag);
    const ruled = holding(head.rule_sets, filters.rule);
    const wanted = filters.language;
    const xCount = head.x_languages.length;
    const same = head.languages.map((code) => head.x_languages.indexOf(code));
    const silent = head.x_languages.indexOf("");
    const found = {
      tweets: 0,
      groups: to - from,
      languages: new Float64Array(head.languages.length),
      differs: new Float64Array(head.languages.length),
      pairs: new Float64Array(head.languages.length * xCount),
      kinds: new Float64Array(head.kinds.length),
      tagSets: new Float64Array(head.hashtag_sets.length),
      ownTagSets: new Float64Array(head.hashtag_sets.length),
      lateTagSets: new Float64Array(head.hashtag_sets.length),
      ruleSets: new Float64Array(head.rule_sets.length),
      ownRuleSets: new Float64Array(head.rule_sets.length),
    };
    const late = filters.to - Math.max(1, Math.round((filters.to - filters.from) / 4));
    for (let n = from; n < to; n += 1) {
      const inLanguage = wanted < 0 || language[n] === wanted;
      const inTag = tagged[hashtags[n]] === 1;
      const inRule = ruled[rules[n]] === 1;
      const many = tweets[n];
      if (inTag && inRule) {
        found.languages[language[n]] += many;
        if (xLanguage[n] !== silent && xLanguage[n] !== same[language[n]]) {
          found.differs[language[n]] += many;
          if (inLanguage) found.pairs[language[n] * xCount + xLanguage[n]] += many;
        }
      }
      if (inLanguage && inRule) {
        found.tagSets[hashtags[n]] += many;
        if (bucket[n] >= late) found.lateTagSets[hashtags[n]] += many;
      }
      if (inLanguage && inTag) found.ruleSets[rules[n]] += many;
      if (inLanguage && inTag && inRule) {
        found.tweets += many;
        found.kinds[kind[n]] += many;
        found.ownTagSets[hashtags[n]] += many;
        found.ownRuleSets[rules[n]] += many;
      }
    }
    found.late = filters.to - late;
    found.early = Math.max(0, late - filters.from);
    return found;
  }

  /** Count over time: one series for each of `parts`, values of `name`, and one for the rest. */
  function series(cube, filters, bins, name, parts) {
    const { head, column } = cube;
    const tagged = holding(head.hashtag_sets, filters.hashtag);
    const ruled = holding(head.rule_sets, filters.rule);
    const place = new Int16Array(name === "none" ? 1 : head[`${name}s`].length).fill(parts.length);
    parts.forEach((part, n) => {
      place[part] = n;
    });
    const made = Array.from({ length: parts.length + 1 }, () => new Float64Array(bins.count));
    const to = first(filters.to, column.bucket, head.groups);
    const of = name === "none" ? null : column[name];
    for (let n = first(filters.from, column.bucket, head.groups); n < to; n += 1) {
      if (filters.language >= 0 && column.language[n] !== filters.language) continue;
      if (!tagged[column.hashtags[n]] || !ruled[column.rules[n]]) continue;
      const bin = Math.floor((column.bucket[n] - filters.from) / bins.each);
      made[of ? place[of[n]] : parts.length][bin] += column.tweets[n];
    }
    return made;
  }

  /** How many buckets make one step of the chart: some hundred steps at most. */
  function bins(filters, most = 360) {
    const buckets = Math.max(1, filters.to - filters.from);
    const each = [1, 2, 3, 5, 6, 10, 12, 15, 20, 30, 60, 120, 240].find((n) => buckets / n <= most);
    const size = each || Math.ceil(buckets / most);
    return { each: size, count: Math.ceil(buckets / size) };
  }

  /** Members of sets with the sum of the sets that hold them. */
  function members(sets, counts, size) {
    const made = new Float64Array(size);
    for (let n = 0; n < sets.length; n += 1) {
      if (counts[n]) for (const member of sets[n]) made[member] += counts[n];
    }
    return made;
  }

  /** What is more frequent in the last quarter than before: as the view v_hashtags_rising. */
  function rising(cube, found) {
    const all = members(cube.head.hashtag_sets, found.tagSets, cube.head.hashtags.length);
    const late = members(cube.head.hashtag_sets, found.lateTagSets, cube.head.hashtags.length);
    const share = found.early ? found.late / found.early : 0;
    const made = [];
    for (let n = 0; n < all.length; n += 1) {
      if (!late[n] || !share) continue;
      const usual = (all[n] - late[n]) * share;
      made.push({ tag: n, tweets: late[n], usual, rise: (late[n] - usual) / Math.sqrt(usual + 1) });
    }
    return made.filter((one) => one.rise > 0).sort((a, b) => b.rise - a.rise || a.tag - b.tag);
  }

  /** Pairs of hashtags in one tweet; those with the chosen one where one is chosen. */
  function together(cube, found, chosen) {
    const pairs = new Map();
    cube.head.hashtag_sets.forEach((set, n) => {
      const many = found.ownTagSets[n];
      if (!many || set.length < 2) return;
      for (let a = 0; a < set.length; a += 1) {
        for (let b = a + 1; b < set.length; b += 1) {
          if (chosen >= 0 && set[a] !== chosen && set[b] !== chosen) continue;
          const key = set[a] * 65536 + set[b];
          pairs.set(key, (pairs.get(key) || 0) + many);
        }
      }
    });
    return [...pairs]
      .map(([key, tweets]) => ({ one: Math.floor(key / 65536), other: key % 65536, tweets }))
      .sort((a, b) => b.tweets - a.tweets || a.one - b.one || a.other - b.other);
  }

  /** What each rule brings: tweets, those of no other rule, its share of the price. */
  function rules(cube, found) {
    const { rules: named, rule_sets: sets } = cube.head;
    const made = named.map(([id, name], n) => ({ n, id, name, tweets: 0, only: 0, cost: 0 }));
    let without = 0;
    sets.forEach((set, n) => {
      const many = found.ruleSets[n];
      if (!set.length) without += many;
      for (const rule of set) {
        made[rule].tweets += many;
        made[rule].cost += (many * 0.005) / set.length;
        if (set.length === 1) made[rule].only += many;
      }
    });
    return { rules: made.sort((a, b) => b.tweets - a.tweets || a.n - b.n), without };
  }

  /** How many of the tweets a rule brought, each of which was paid for once. */
  function paid(cube, found) {
    let posts = 0;
    cube.head.rule_sets.forEach((set, n) => {
      if (set.length) posts += found.ownRuleSets[n];
    });
    return posts;
  }

  return Object.freeze({ read, count, series, bins, members, rising, together, rules, paid });
})();
