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

  // A number of more than 15 digits, such as an id, would be rounded to the one beside it.
  const numberOf = (text) => (/^-?\d{16,}$/.test(text) ? BigInt(text) : Number(text));
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    if (cell.classList.contains("missing")) return null;
    return cell.dataset.sort === undefined ? cell.textContent.trim() : numberOf(cell.dataset.sort);
  };

  // Missing values stand last in both directions: they are neither small nor large.
  const compared = (a, b, direction) => {
    if (a === null || b === null) return (a === null) - (b === null);
    if (typeof a !== "string" && typeof b !== "string") return direction * ((a > b) - (a < b));
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

  // Words are compared whole, without case and accents; of scripts that part no words, each character is one.
  const UNPARTED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]/gu;
  const phraseOf = (text) => {
    const plain = text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(UNPARTED, " $& ");
    const found = plain.match(/[\p{L}\p{N}]+/gu);
    return found ? ` ${found.join(" ")} ` : "";
  };
  const textOf = (row) => {
    const walker = document.createTreeWalker(row, NodeFilter.SHOW_TEXT);
    const parts = [];
    while (walker.nextNode()) parts.push(phraseOf(walker.currentNode.data));
    return parts.join("|"); // so that no phrase reaches from one cell into the next
  };

  const chooser = ([name, values]) => {
    const options = values.map((text, value) => made("option", { value, textContent: text }));
    const select = made("select", {}, made("option", { value: "", textContent: "all" }), ...options);
    return { select, label: made("label", {}, name, select) };
  };

  // Calls `changed` with the rows that are shown, or with null where no filter is set.
  const filter = (table, rows, tools, changed) => {
    const input = made("input", { type: "search", placeholder: "words, or \"a phrase\"", autocomplete: "off" });
    const shown = made("span", { className: "shown", role: "status" });
    const choosers = JSON.parse(table.dataset.choices || "[]").map(chooser);
    const texts = rows.map(textOf);
    const chosen = rows.map((row) => (row.dataset.choice || "").split(" "));
    const apply = () => {
      const typed = input.value.replace(/[\u201c-\u201f]/g, "\"").match(/"[^"]*"?|[^\s"]+/g) || [];
      const phrases = typed.map(phraseOf).filter(Boolean);
      // While a word is being typed nothing has it yet: then rows with words that begin so are shown, and that is said.
      const isWhole = texts.some((text) => phrases.every((phrase) => text.includes(phrase)));
      const wanted = isWhole ? phrases : phrases.map((phrase) => phrase.trimEnd());
      const fits = (index) => wanted.every((phrase) => texts[index].includes(phrase))
        && choosers.every(({ select }, place) => select.value === "" || select.value === chosen[index][place]);
      rows.forEach((row, index) => { row.hidden = !fits(index); });
      const left = rows.filter((row) => !row.hidden);
      const isSet = phrases.length > 0 || choosers.some(({ select }) => select.value !== "");
      const how = isWhole || !left.length ? "" : ", with words that begin so";
      shown.textContent = `${left.length} of ${rows.length} shown${how}`;
      tools.classList.toggle("filtered", isSet);
      changed(isSet ? left : null);
    };
    input.addEventListener("input", apply);
    choosers.forEach(({ select }) => select.addEventListener("change", apply));
    return [[made("label", {}, "Filter", input), ...choosers.map(({ label }) => label), shown], apply];
  };

  // A browser does not follow a data: address of more than about 2 MB; a blob of the same bytes has no such limit.
  const addressOf = (text) => URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));

  // Makes the link save all rows, and gives a function that offers the rows shown beside it while a filter is set.
  const saved = (link, rows) => {
    const data = link.getAttribute("href");
    const all = () => decodeURIComponent(data.slice(data.indexOf(",") + 1));
    link.addEventListener("click", () => {
      if (link.getAttribute("href") === data) link.href = addressOf(all());
    });
    const title = link.textContent;
    const name = link.getAttribute("download").replace(/\.csv$/, "-filtered.csv");
    const part = made("a", { href: data, download: name, hidden: true });
    link.after(" ", part);
    let left = [];
    part.addEventListener("click", () => {
      const [head, ...lines] = all().match(/(?:[^"\n]|"[^"]*")+\n?/g); // a line end between quotes is part of a value
      const wanted = new Set(left);
      part.href = addressOf(head + lines.filter((_, index) => wanted.has(rows[index])).join(""));
    });
    return (shown) => {
      left = shown || [];
      link.textContent = shown ? `Download all ${rows.length} rows` : title;
      part.textContent = `Download the ${left.length} shown`;
      part.hidden = !left.length;
    };
  };

  const fitted = (region) => {
    const fit = () => {
      region.classList.remove("fits", "tight");
      const hasRoom = () => region.scrollWidth <= region.clientWidth;
      region.classList.toggle("tight", !hasRoom());
      const fits = hasRoom();
      region.classList.toggle("fits", fits);
      if (fits) region.removeAttribute("tabindex");
      else region.tabIndex = 0;
    };
    new ResizeObserver(fit).observe(region); // it calls at once, and again when what was made aside comes into view
  };

  const enhanceTable = (block) => {
    const table = block.querySelector("table");
    const rows = [...table.tBodies[0].rows].filter((row) => !row.classList.contains("empty"));
    const heads = [...table.tHead.rows[0].cells];
    const download = block.querySelector("p.download");
    const changed = download ? saved(download.querySelector("a"), rows) : () => {};
    const tools = made("div", { className: "tools" });
    if (rows.length >= FILTER_FROM) {
      const [controls, apply] = filter(table, rows, tools, changed);
      tools.append(...controls);
      apply();
    }
    if (rows.length > 1) {
      const sort = sortable(table, rows, heads);
      if (table.classList.contains("many")) tools.append(sorter(heads, sort));
    }
    if (download) tools.append(download);
    if (tools.childNodes.length) block.prepend(tools);
  };
  const enhance = (root) => {
    root.querySelectorAll("div.table").forEach(enhanceTable);
    root.querySelectorAll(".scroll").forEach(fitted);
  };

  // On a page it stands in the page; JupyterLab loads it as a file, and calls it for one output after the other.
  if (document.currentScript.src) {
    document.currentScript.enhance = enhance;
    return;
  }
  enhance(document);

  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details.definitions:not([open], .why)")];
    closed.forEach((details) => { details.open = true; });
  });
  window.addEventListener("afterprint", () => closed.forEach((details) => { details.open = false; }));
})();
