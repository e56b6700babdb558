"use strict";
// Tables with bars. Rows are kept and moved rather than made anew, so that whoever is on one with
// the keyboard stays there while figures change.
const Panels = (() => {
  function element(name, properties = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (key in made) made[key] = value;
      else made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  }

  function head(table, caption, columns) {
    const cells = columns.map((column, n) =>
      column ? element("th", { scope: "col", className: n ? "number" : "" }, column) : element("td"),
    );
    if (table.tHead) {
      table.caption.textContent = caption;
      table.tHead.rows[0].replaceChildren(...cells);
      return;
    }
    table.append(
      element("caption", { className: "hidden" }, caption),
      element("thead", {}, element("tr", {}, ...cells)),
      element("tbody"),
    );
  }

  /**
   * Fill a table. A row: `key`, `name` (hostile), `detail`, `part` (0 to 1, the bar), `cells`
   * (texts), `chosen` (whether it is the filter), `color`; `choose` is called with it.
   */
  function table(table, caption, columns, rows, choose) {
    head(table, caption, columns);
    const body = table.tBodies[0];
    const focused = body.contains(document.activeElement) ? document.activeElement : null;
    const known = new Map([...body.rows].map((row) => [row.dataset.key, row]));
    const wanted = rows.map((row) => {
      const made = known.get(String(row.key)) || empty(row, columns.length, choose);
      update(made, row);
      return made;
    });
    const same = wanted.length === body.rows.length && wanted.every((row, n) => row === body.rows[n]);
    if (!same) {
      body.replaceChildren(...wanted);
      if (focused && body.contains(focused)) focused.focus({ preventScroll: true });
    }
    if (!rows.length) {
      body.replaceChildren(
        element("tr", {}, element("td", { colSpan: columns.length, className: "quiet" }, "nothing here")),
      );
    }
  }

  function empty(row, width, choose) {
    const name = element("th", { scope: "row" });
    if (choose) {
      const button = element("button", { type: "button", className: "name" });
      button.addEventListener("click", () => choose(made.value));
      name.append(button);
    } else {
      name.append(element("span", { className: "name" }));
    }
    name.append(element("span", { className: "bar", "aria-hidden": "true" }));
    const made = element("tr", {}, name);
    for (let n = 1; n < width; n += 1) made.append(element("td", { className: "number" }));
    made.dataset.key = row.key;
    return made;
  }

  function update(made, row) {
    made.value = row;
    const [name, bar] = made.cells[0].children;
    if (made.shown !== row.name + (row.detail || "")) {
      made.shown = row.name + (row.detail || "");
      Text.put(name, row.name);
      if (row.detail) name.append(" ", element("span", { className: "quiet" }, row.detail));
    }
    if (name.tagName === "BUTTON") name.setAttribute("aria-pressed", row.chosen ? "true" : "false");
    made.classList.toggle("chosen", Boolean(row.chosen));
    made.classList.toggle("aside", Boolean(row.aside));
    bar.style.width = `${(100 * (row.part || 0)).toFixed(2)}%`;
    if (row.color) bar.style.background = `var(${row.color})`;
    else bar.style.removeProperty("background");
    row.cells.forEach((text, n) => {
      made.cells[n + 1].textContent = text;
    });
  }

  return Object.freeze({ element, table });
})();
