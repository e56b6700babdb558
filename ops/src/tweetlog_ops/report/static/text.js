"use strict";
// Words and numbers for people; and text of tweets, which is hostile, made harmless to look at.
const Text = (() => {
  const whole = new Intl.NumberFormat("en");
  const brief = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
  const dollars = new Intl.NumberFormat("en", { style: "currency", currency: "USD" });
  const percents = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const languages = new Intl.DisplayNames(["en"], { type: "language", fallback: "code" });
  // What moves the cursor, reorders or hides text (Unicode general categories); and what does so
  // but is needed inside words and emoji, or to end a line.
  const UNSHOWN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
  const SHOWN = new Set(["\u200c", "\u200d", "\n"]);

  function number(value) {
    return whole.format(value);
  }

  /** A number in few signs, for the axis: 12K, 1.5M. */
  function short(value) {
    return value < 10000 ? whole.format(value) : brief.format(value);
  }

  function share(part, of) {
    return of ? percents.format(part / of) : "–";
  }

  function money(value) {
    return dollars.format(value);
  }

  function language(code) {
    if (code === "und") return "undetermined";
    if (code === "") return "none";
    try {
      return languages.of(code) || code;
    } catch {
      return code;
    }
  }

  /** A moment in UTC; how much of it is said depends on how finely time is counted. */
  function moment(seconds, step = 60) {
    const text = new Date(seconds * 1000).toISOString();
    if (step >= 86400) return text.slice(0, 10);
    return `${text.slice(0, 10)} ${text.slice(11, 16)}`;
  }

  function ago(iso, now = Date.now()) {
    const seconds = Math.max(0, Math.round((now - Date.parse(iso)) / 1000));
    if (seconds < 60) return `${seconds} s ago`;
    if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
    if (seconds < 172800) return `${Math.round(seconds / 3600)} h ago`;
    return `${number(Math.round(seconds / 86400))} days ago`;
  }

  function duration(seconds) {
    if (seconds === null || seconds === undefined) return "–";
    if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
    if (seconds < 120) return `${seconds.toFixed(1)} s`;
    if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
    if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
    return `${number(Math.round(seconds / 86400))} days`;
  }

  /** Put hostile text into an element: as text, what is invisible made visible, apart from the rest. */
  function put(element, text) {
    const holder = document.createElement("bdi");
    holder.dir = "auto";
    let plain = "";
    for (const character of text) {
      if (!UNSHOWN.test(character) || SHOWN.has(character)) {
        plain += character;
        continue;
      }
      if (plain) holder.append(plain);
      plain = "";
      const mark = document.createElement("span");
      mark.className = "control";
      mark.textContent = `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
      holder.append(mark);
    }
    if (plain) holder.append(plain);
    element.replaceChildren(holder);
  }

  return Object.freeze({ number, short, share, money, language, moment, ago, duration, put });
})();
