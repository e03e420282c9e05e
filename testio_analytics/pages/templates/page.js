// Sorting, filtering and saving for tables that are complete without it. No request, no storage, no markup from text.
(() => {
  "use strict";
  const words = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const FILTER_FROM = 8;
  const made = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  const valueOf = (row, column) => {
    const cell = row.cells[column];
    if (cell.classList.contains("missing")) return null;
    return cell.dataset.sort === undefined ? cell.textContent.trim() : Number(cell.dataset.sort);
  };

  // Missing values stand last in both directions: they are neither small nor large.
  const compared = (a, b, direction) => {
    if (a === null || b === null) return (a === null) - (b === null);
    if (typeof a === "number" && typeof b === "number") return direction * (a - b);
    return direction * words.compare(String(a), String(b));
  };

  const sortable = (table, rows, heads) => {
    const body = table.tBodies[0];
    const sort = (column, order) => {
      heads.forEach((head, index) => {
        if (order !== "none" && index === column) head.setAttribute("aria-sort", order);
        else head.removeAttribute("aria-sort");
      });
      const keyed = rows.map((row, place) => ({ row, place, key: order === "none" ? place : valueOf(row, column) }));
      const direction = order === "descending" ? -1 : 1;
      keyed.sort((a, b) => compared(a.key, b.key, direction) || a.place - b.place);
      body.append(...keyed.map((entry) => entry.row));
    };
    const next = { ascending: "descending", descending: "none" };
    heads.forEach((head, column) => {
      const button = made("button", { type: "button", title: "Sort; the third click restores the order of the report" });
      button.append(...head.childNodes);
      button.addEventListener("click", () => sort(column, next[head.getAttribute("aria-sort")] || "ascending"));
      head.append(button);
    });
    return sort;
  };

  const sorter = (heads, sort) => {
    const select = made("select", {}, made("option", { value: "0 none", textContent: "as in the report" }));
    heads.forEach((head, column) => {
      for (const [order, word] of [["ascending", "ascending"], ["descending", "descending"]]) {
        select.append(made("option", { value: `${column} ${order}`, textContent: `${head.textContent}, ${word}` }));
      }
    });
    select.addEventListener("change", () => {
      const [column, order] = select.value.split(" ");
      sort(Number(column), order);
    });
    return made("label", { className: "sorter" }, "Order", select);
  };

  const filter = (rows, tools) => {
    const input = made("input", { type: "search", placeholder: "words in any column", autocomplete: "off" });
    const shown = made("span", { className: "shown", role: "status" });
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const apply = () => {
      const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      rows.forEach((row, index) => {
        row.hidden = !wanted.every((word) => texts[index].includes(word));
        count += row.hidden ? 0 : 1;
      });
      shown.textContent = `${count} of ${rows.length} shown`;
      tools.classList.toggle("filtered", wanted.length > 0);
    };
    input.addEventListener("input", apply);
    apply();
    return [made("label", {}, "Filter", input), shown];
  };

  // A browser does not follow a data: address of more than about 2 MB; a blob of the same bytes has no such limit.
  const saved = (link) => {
    link.addEventListener("click", () => {
      const data = link.getAttribute("href");
      if (!data.startsWith("data:")) return;
      const text = decodeURIComponent(data.slice(data.indexOf(",") + 1));
      link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    });
  };

  const fitted = (region) => {
    const fit = () => {
      region.classList.remove("fits");
      const fits = region.scrollWidth <= region.clientWidth;
      region.classList.toggle("fits", fits);
      if (fits) region.removeAttribute("tabindex");
      else region.tabIndex = 0;
    };
    fit();
    window.addEventListener("resize", fit);
  };

  document.querySelectorAll("div.table").forEach((block) => {
    const table = block.querySelector("table");
    const rows = [...table.tBodies[0].rows].filter((row) => !row.classList.contains("empty"));
    const heads = [...table.tHead.rows[0].cells];
    const link = block.querySelector("p.download");
    const tools = made("div", { className: "tools" });
    if (rows.length >= FILTER_FROM) tools.append(...filter(rows, tools));
    if (rows.length > 1) {
      const sort = sortable(table, rows, heads);
      if (table.classList.contains("many")) tools.append(sorter(heads, sort));
    }
    if (link) tools.append(link);
    if (tools.childNodes.length) block.prepend(tools);
  });
  document.querySelectorAll("p.download a").forEach(saved);
  document.querySelectorAll(".scroll").forEach(fitted);

  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details.definitions:not([open])")];
    closed.forEach((details) => { details.open = true; });
  });
  window.addEventListener("afterprint", () => closed.forEach((details) => { details.open = false; }));
})();
