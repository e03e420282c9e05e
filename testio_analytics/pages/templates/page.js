// Sorting, filtering, choosing columns and saving for tables that are complete without it.
(() => {
  "use strict";

  // Elements, words and numbers: what the other parts compare and write. No request, no storage, no markup from text.
  const made = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const grouped = (number) => number.toLocaleString("en");

  // A number of more than 15 digits, such as an id, would be rounded to the one beside it.
  const numberOf = (text) => (/^-?\d{16,}$/.test(text) ? BigInt(text) : Number(text));
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const comparedKeys = (a, b) => (typeof a !== "string" && typeof b !== "string"
    ? (a > b) - (a < b)
    : collator.compare(String(a), String(b)));

  // Words are compared whole, without case and accents; of scripts that part no words, each character is one.
  const UNPARTED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]/gu;
  const phraseOf = (text) => {
    const plain = text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(UNPARTED, " $& ");
    const found = plain.match(/[\p{L}\p{N}]+/gu);
    return found ? ` ${found.join(" ")} ` : "";
  };
  const phrasesOf = (typed) => {
    const parts = typed.replace(/[\u201c-\u201f]/g, "\"").match(/"[^"]*"?|[^\s"]+/g) || [];
    return parts.map(phraseOf).filter(Boolean);
  };

  // What the page carries compressed: base64 of a gzip file.
  const unpacked = (text) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  };

  // The rows of a table as data: of each column the distinct cells, with what they sort and are found by. A short table
  // is read from its own rows; a long one from what the page carries compressed, of which the first rows stand there.
  const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: "\"", "#x27": "'" };
  const partsOf = (html) => html.split(/<[^>]*>/).filter(Boolean)
    .map((part) => part.replace(/&(amp|lt|gt|quot|#x27);/g, (_, name) => ENTITIES[name]));

  const cellOfHtml = (html) => {
    const opening = html.slice(0, html.indexOf(">"));
    return {
      isMissing: / class="([^"]* )?missing"/.test(opening),
      sort: opening.match(/ data-sort="([^"]*)"/)?.[1],
      parts: partsOf(html),
    };
  };
  const cellOfElement = (element) => {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    const parts = [];
    while (walker.nextNode()) parts.push(walker.currentNode.data);
    return { isMissing: element.classList.contains("missing"), sort: element.dataset.sort, parts };
  };
  const keyOf = ({ isMissing, sort, parts }) => {
    if (isMissing) return null;
    return sort === undefined ? parts.join("").trim() : numberOf(sort);
  };

  // One column: places by value, equal values in one place, and a missing value without: it is neither small nor large.
  const columnOf = (count, places, cellAt) => {
    const at = (row) => (places ? places[row] : row);
    let ranks, phrases;
    const ranked = () => {
      const keys = Array.from({ length: count }, (_, place) => keyOf(cellAt(place)));
      const order = keys.map((_, place) => place).filter((place) => keys[place] !== null);
      order.sort((a, b) => comparedKeys(keys[a], keys[b]));
      const found = new Array(count).fill(null);
      let rank = -1;
      order.forEach((place, index) => {
        if (!index || comparedKeys(keys[order[index - 1]], keys[place])) rank += 1;
        found[place] = rank;
      });
      return found;
    };
    // The parts of a cell are kept apart, so that no phrase reaches from one into the next.
    const worded = () => Array.from({ length: count }, (_, place) => cellAt(place).parts.map(phraseOf).join("|"));
    return {
      rank: (row) => { ranks = ranks || ranked(); return ranks[at(row)]; },
      prepare: () => { phrases = phrases || worded(); },
      having: (phrase) => {
        phrases = phrases || worded();
        const has = phrases.map((text) => text.includes(phrase));
        return (row) => has[at(row)];
      },
    };
  };

  const rowsOfTable = (table) => {
    const elements = [...table.tBodies[0].rows].filter((row) => !row.classList.contains("empty"));
    const columns = [...table.tHead.rows[0].cells].map(
      (_, place) => columnOf(elements.length, null, (row) => cellOfElement(elements[row].cells[place])),
    );
    const chosen = elements.map((row) => row.dataset.choice || "");
    return { count: elements.length, columns, chosen: (row) => chosen[row], elements: (rows) => rows.map((row) => elements[row]) };
  };

  const rowsOfData = (table, text) => {
    const { columns, chosen: [choices, own], count } = JSON.parse(text);
    const known = [...table.tBodies[0].rows];
    const htmlOf = (row) => `<tr>${columns.map(([cells, places]) => cells[places ? places[row] : row]).join("")}</tr>`;
    const elements = (rows) => {
      const missing = rows.filter((row) => !known[row]);
      const template = document.createElement("template");
      template.innerHTML = linked(missing.map(htmlOf).join("")); // as the package wrote and escaped it
      [...template.content.children].forEach((element, index) => { known[missing[index]] = document.adoptNode(element); });
      return rows.map((row) => known[row]);
    };
    return {
      count,
      columns: columns.map(([cells, places]) => columnOf(cells.length, places, (place) => cellOfHtml(cells[place]))),
      chosen: (row) => choices[own ? own[row] : row],
      elements,
    };
  };

  // Names lead to their view where the page with all views lies beside this one.
  const views = document.body.dataset.views;
  const linked = (html) => (views
    ? html.replace(/<span data-about="([a-z]+-\d+)">(.*?)<\/span>/gs, `<a href="${encodeURI(views)}#$1">$2</a>`)
    : html);

  // What is filtered, sorted and chosen stands in the address, as #untested_features?state=stale&sort=-bugs, several tables
  // parted by a semicolon, so that it can be kept and passed on. Anything else behind # is the place of a heading.
  const tables = new Map();
  const stated = () => {
    const parts = location.hash.slice(1).split(";").filter((part) => part.includes("?"));
    return new Map(parts.map((part) => [part.slice(0, part.indexOf("?")), part.slice(part.indexOf("?") + 1)]));
  };
  const keepInAddress = () => {
    const all = stated();
    tables.forEach(({ said }, id) => all.set(id, said().toString()));
    const parts = [...all].filter(([, said]) => said).map(([id, said]) => `${id}?${said}`);
    if (!parts.length && !location.hash.includes("?")) return;
    const address = parts.length ? `#${parts.join(";")}` : location.pathname + location.search;
    try {
      history.replaceState(null, "", address);
    } catch {
      // A browser may refuse this for a while when it happens too often; the next change is kept again.
    }
  };
  const obeyAddress = () => {
    const all = stated();
    if (!all.size) return;
    tables.forEach(({ obey }, id) => obey(new URLSearchParams(all.get(id) || "")));
    document.getElementById([...all.keys()][0])?.scrollIntoView();
  };
  const joinAddress = (id, table) => {
    if (!id) return;
    tables.set(id, table);
    const all = stated();
    if (!all.has(id)) return;
    table.obey(new URLSearchParams(all.get(id)));
    if ([...all.keys()][0] === id) document.getElementById(id).scrollIntoView();
  };

  // The controls of one table: words and choices, order, columns, and what is saved. Each calls `changed` when a person uses
  // it, says what it is set to for the address (`said`), and can be set from there (`obey`).
  const wordFilter = (rows, changed) => {
    const input = made("input", { type: "search", placeholder: "words, or \"a phrase\"", autocomplete: "off" });
    input.addEventListener("input", changed);
    // While a word is being typed nothing has it yet: then rows with words that begin so are shown, and that is said.
    const fitting = (numbers) => {
      const phrases = phrasesOf(input.value);
      const having = (wanted) => wanted.reduce((left, phrase) => {
        const columns = rows.columns.map((column) => column.having(phrase));
        return left.filter((row) => columns.some((has) => has(row)));
      }, numbers);
      const whole = having(phrases);
      if (whole.length || !phrases.length) return [whole, true];
      return [having(phrases.map((phrase) => phrase.trimEnd())), false];
    };
    return {
      label: made("label", {}, "Filter", input),
      isSet: () => phrasesOf(input.value).length > 0,
      fitting,
      said: () => (input.value.trim() ? [["q", input.value.trim()]] : []),
      obey: (wanted) => { input.value = wanted.get("q") || ""; },
    };
  };

  const chooser = ([name, heading, words], place, rows, changed) => {
    const options = words.map((text, value) => made("option", { value, textContent: text }));
    const select = made("select", {}, made("option", { value: "", textContent: "all" }), ...options);
    select.addEventListener("change", changed);
    let refused = "";
    select.addEventListener("change", () => { refused = ""; });
    return {
      label: made("label", {}, heading, select),
      isSet: () => select.value !== "",
      fits: (row) => rows.chosen(row).split(" ")[place].split(",").includes(select.value),
      refused: () => (refused ? `; ${heading} “${refused}” is not among these rows` : ""),
      said: () => (select.value === "" ? [] : [[name, words[Number(select.value)]]]),
      obey: (wanted) => {
        const found = words.indexOf(wanted.get(name));
        select.value = found < 0 ? "" : String(found);
        refused = found < 0 ? wanted.get(name) || "" : "";
      },
    };
  };

  const ordering = (table, columns, rows, changed) => {
    const heads = [...table.tHead.rows[0].cells];
    const select = made("select", {}, made("option", { value: "", textContent: "as in the report" }));
    let column = -1;
    let order = "none";
    const set = (newColumn, newOrder) => {
      [column, order] = [newColumn, newOrder];
      heads.forEach((head, index) => {
        if (order !== "none" && index === column) head.setAttribute("aria-sort", order);
        else head.removeAttribute("aria-sort");
      });
      select.value = order === "none" ? "" : `${column} ${order}`;
    };
    heads.forEach((head, index) => {
      for (const way of ["ascending", "descending"]) {
        select.append(made("option", { value: `${index} ${way}`, textContent: `${head.textContent}, ${way}` }));
      }
      // Of figures and dates the highest comes first, of text the first letter.
      const first = columns[index][1] ? "descending" : "ascending";
      const next = { none: first, [first]: first === "ascending" ? "descending" : "ascending" };
      const button = made("button", { type: "button", title: "Sort; the third click restores the order of the report" });
      button.append(...head.childNodes);
      button.addEventListener("click", () => {
        set(index, next[index === column ? order : "none"] || "none");
        changed();
      });
      head.append(button);
    });
    select.addEventListener("change", () => {
      const [index, way] = select.value.split(" ");
      set(Number(index), way || "none");
      changed();
    });
    // Missing values stand last in both directions.
    const sorted = (numbers) => {
      if (order === "none") return numbers;
      const direction = order === "descending" ? -1 : 1;
      const { rank } = rows.columns[column];
      return [...numbers].sort((a, b) => {
        const [first, second] = [rank(a), rank(b)];
        if (first === null || second === null) return (first === null) - (second === null) || a - b;
        return direction * (first - second) || a - b;
      });
    };
    return {
      label: made("label", { className: "sorter" }, "Order", select),
      sorted,
      said: () => (order === "none" ? [] : [["sort", (order === "descending" ? "-" : "") + columns[column][0]]]),
      obey: (wanted) => {
        const asked = wanted.get("sort") || "";
        const found = columns.findIndex(([name]) => name === asked.replace(/^-/, ""));
        set(found, found < 0 ? "none" : asked.startsWith("-") ? "descending" : "ascending");
      },
    };
  };

  const columnChooser = (table, columns, named, changed) => {
    const heads = [...table.tHead.rows[0].cells];
    const hidden = new Set();
    const hide = (row) => columns.forEach((_, place) => { row.cells[place].hidden = hidden.has(place); });
    const boxes = columns.map((_, place) => made("input", { type: "checkbox", checked: true }));
    const labels = boxes.map((box, place) => made("label", {}, box, heads[place].textContent));
    boxes.forEach((box, place) => box.addEventListener("change", () => {
      if (box.checked) hidden.delete(place);
      else hidden.add(place);
      hide(heads[0].parentElement);
      changed();
    }));
    const summary = made("summary", { textContent: "Columns" });
    const details = made("details", { className: "columns" }, summary,
      made("div", { role: "group", ariaLabel: "Columns shown" }, ...labels.filter((_, place) => place !== named)));
    const close = (event) => {
      if (event.type === "keydown" ? event.key !== "Escape" : details.contains(event.target)) return;
      if (details.open && event.type === "keydown") summary.focus();
      details.open = false;
    };
    details.addEventListener("keydown", close);
    document.addEventListener("click", close);
    const shown = () => columns.filter((_, place) => !hidden.has(place) && place !== named).map(([name]) => name);
    return {
      details,
      hide,
      said: () => (hidden.size ? [["columns", shown().join(",")]] : []),
      obey: (wanted) => {
        const asked = wanted.has("columns") ? wanted.get("columns").split(",") : null;
        hidden.clear();
        columns.forEach(([name], place) => {
          if (asked && place !== named && !asked.includes(name)) hidden.add(place);
          boxes[place].checked = !hidden.has(place);
        });
        hide(heads[0].parentElement);
      },
    };
  };

  // A browser does not follow a data: address of more than about 2 MB; a blob of the same bytes has no such limit.
  const save = (name, text) => {
    const address = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    made("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
  };

  // Makes the link save all rows, and gives a function that offers the rows left beside it while a filter is set.
  const downloads = (link, count) => {
    const data = link.getAttribute("href");
    const content = data.slice(data.indexOf(",") + 1);
    const all = async () => (data.includes(";base64,") ? unpacked(content) : decodeURIComponent(content));
    const name = link.getAttribute("download").replace(/\.gz$/, "");
    const title = link.textContent;
    const part = made("a", { href: "#", hidden: true });
    let left = [];
    link.addEventListener("click", async (event) => {
      event.preventDefault();
      // Text that was read as UTF-8 has lost its byte order mark, by which a spreadsheet knows it.
      save(name, `\ufeff${(await all()).replace(/^\ufeff/, "")}`);
    });
    part.addEventListener("click", async (event) => {
      event.preventDefault();
      const text = (await all()).replace(/^\ufeff/, "");
      const [head, ...lines] = text.match(/(?:[^"\n]|"[^"]*")+\n?/g); // a line end between quotes is part of a value
      const wanted = new Set(left);
      save(name.replace(/\.csv$/, "-filtered.csv"), `\ufeff${head}${lines.filter((_, row) => wanted.has(row)).join("")}`);
    });
    link.after(" ", part);
    return (filtered) => {
      left = filtered || [];
      link.textContent = filtered ? `Download all ${grouped(count)} rows` : title;
      part.textContent = `Download the ${grouped(left.length)} shown`;
      part.hidden = !left.length;
    };
  };

  // One table with its controls. Filter and order work on the data of all rows; of many only the first stand in the page.
  const FILTER_FROM = 8;
  const CHOOSE_FROM = 5;
  const ALL_UP_TO = 100;
  const FIRST = 50;
  const AT_ONCE = 500;

  // The line below a table that does not show all that it has: how many it shows, and buttons for the others.
  const restOf = (block, show) => {
    const said = made("span");
    const more = made("button", { type: "button" });
    const all = made("button", { type: "button" });
    const line = made("p", { className: "rest", hidden: true }, said, " ", more, " ", all);
    let total = 0;
    let shown = 0;
    let run = 0;
    const grow = (to) => {
      run += 1;
      const own = run;
      const step = () => {
        if (own !== run || shown >= to) return;
        show(shown, Math.min(shown + AT_ONCE, to));
        requestAnimationFrame(step);
      };
      step();
    };
    more.addEventListener("click", () => grow(shown + AT_ONCE));
    all.addEventListener("click", () => grow(total));
    block.querySelector("p.rest")?.remove();
    block.querySelector(".scroll").after(line);
    return {
      stop: () => { run += 1; },
      say: (newShown, newTotal) => {
        [shown, total] = [newShown, newTotal];
        line.hidden = shown >= total;
        said.textContent = `The first ${grouped(shown)} of ${grouped(total)} rows.`;
        more.textContent = `Show ${grouped(AT_ONCE)} more`;
        more.hidden = total - shown <= AT_ONCE;
        all.textContent = `Show all ${grouped(total)} rows`;
      },
    };
  };

  const start = (block, rows, { fit, refit }) => {
    const table = block.querySelector("table");
    const body = table.tBodies[0];
    const columns = JSON.parse(table.dataset.columns);
    const named = body.rows[0].querySelector("th")?.cellIndex ?? 0; // the name of a row stays in sight, and so does its head
    table.tHead.rows[0].cells[named].classList.add("names");
    const everyone = Array.from({ length: rows.count }, (_, row) => row);
    const link = block.querySelector("p.download a");
    const offered = link ? downloads(link, rows.count) : () => {};
    const status = made("span", { className: "shown", role: "status" });
    const tools = made("div", { className: "tools" });
    let order = everyone;

    const show = (from, to) => {
      const elements = rows.elements(order.slice(from, to));
      elements.forEach((element) => pick?.hide(element));
      if (from) body.append(...elements);
      else body.replaceChildren(...elements);
      rest.say(to, order.length);
      refit();
    };
    const rest = restOf(block, show);
    const apply = () => {
      rest.stop();
      const chosen = choosers.filter((choice) => choice.isSet());
      const [found, isWhole] = words ? words.fitting(everyone) : [everyone, true];
      const left = found.filter((row) => chosen.every((choice) => choice.fits(row)));
      order = sort.sorted(left);
      const isSet = chosen.length > 0 || Boolean(words?.isSet());
      const first = left.length > ALL_UP_TO ? FIRST : left.length;
      const cut = first < left.length ? ` rows, the first ${grouped(first)} of them shown` : " shown";
      const how = isWhole || !left.length ? "" : ", with words that begin so";
      const refused = choosers.map((choice) => choice.refused()).join("");
      status.textContent = `${grouped(left.length)} of ${grouped(rows.count)}${cut}${how}${refused}`;
      tools.classList.toggle("filtered", isSet);
      offered(isSet ? left : null);
      show(0, first);
    };
    const changed = () => { apply(); keepInAddress(); };

    const hasFilter = rows.count >= FILTER_FROM;
    const words = hasFilter ? wordFilter(rows, changed) : null;
    const offers = hasFilter ? JSON.parse(table.dataset.choices || "[]") : [];
    const choosers = offers.map((offer, place) => chooser(offer, place, rows, changed));
    const sort = ordering(table, columns, rows, changed);
    const pick = rows.count && columns.length >= CHOOSE_FROM ? columnChooser(table, columns, named, () => { changed(); fit(); }) : null;
    const parts = [words, ...choosers, sort, pick].filter(Boolean);
    if (hasFilter) tools.append(words.label, ...choosers.map(({ label }) => label), status);
    if (rows.count > 1 && table.classList.contains("many")) tools.append(sort.label);
    if (pick) tools.append(pick.details);
    if (link) tools.append(link.parentElement);
    if (tools.childNodes.length) block.prepend(tools);
    if (hasFilter) apply();
    joinAddress(block.id, {
      said: () => new URLSearchParams(parts.flatMap((part) => part.said())),
      obey: (wanted) => { parts.forEach((part) => part.obey(wanted)); apply(); fit(); },
    });
  };

  const prepared = (block, region) => {
    const table = block.querySelector("table");
    if (!block.dataset.rows) {
      const rows = rowsOfTable(table);
      if (rows.count > 1) start(block, rows, region);
      else if (block.querySelector("p.download a")) downloads(block.querySelector("p.download a"), rows.count);
      return;
    }
    // A browser that cannot decompress shows what stands there without any script.
    unpacked(block.dataset.rows).then((text) => {
      const rows = rowsOfData(table, text);
      start(block, rows, region);
      // The first word that is typed finds its columns ready.
      rows.columns.forEach(({ prepare }) => requestIdleCallback(prepare));
    });
  };

  // The page: regions that scroll only where they must, the tables, and what is folded opened for printing.
  const hasRoom = (region) => region.scrollWidth <= region.clientWidth;
  const settle = (region, fits) => {
    region.classList.toggle("fits", fits);
    if (fits) region.removeAttribute("tabindex");
    else region.tabIndex = 0;
  };
  // All are written, then all are read: to measure one after the other would lay out the page for each of them.
  const fit = (regions) => {
    regions.forEach((region) => region.classList.remove("fits", "tight"));
    const roomy = regions.map(hasRoom);
    regions.forEach((region, place) => region.classList.toggle("tight", !roomy[place]));
    const fits = regions.map((region, place) => roomy[place] || hasRoom(region));
    regions.forEach((region, place) => settle(region, fits[place]));
  };
  // Other rows may need more room; one step after the other, since each lays out the table anew.
  const refit = (region) => {
    if (!region.classList.contains("fits") || hasRoom(region)) return;
    region.classList.add("tight");
    if (!hasRoom(region)) settle(region, false);
  };
  const fitted = (regions) => {
    const widths = new Map();
    // It calls at once, and again when what was made aside comes into view; other rows change only the height.
    const observer = new ResizeObserver((entries) => {
      const changed = entries.map(({ target }) => target).filter((region) => widths.get(region) !== region.clientWidth);
      changed.forEach((region) => widths.set(region, region.clientWidth));
      fit(changed);
    });
    regions.forEach((region) => observer.observe(region));
  };

  const enhance = (root) => {
    fitted([...root.querySelectorAll(".scroll")]);
    root.querySelectorAll("div.table").forEach((block) => {
      const region = block.querySelector(".scroll");
      prepared(block, { fit: () => fit([region]), refit: () => refit(region) });
    });
  };

  // On a page it stands in the page; JupyterLab loads it as a file, and calls it for one output after the other.
  if (document.currentScript.src) {
    document.currentScript.enhance = enhance;
    return;
  }
  enhance(document);
  window.addEventListener("hashchange", obeyAddress);
  if (window.matchMedia("(max-width: 44rem)").matches) {
    document.querySelectorAll("details.contents").forEach((details) => { details.open = false; });
  }

  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details.definitions:not([open], .why)")];
    closed.forEach((details) => { details.open = true; });
  });
  window.addEventListener("afterprint", () => closed.forEach((details) => { details.open = false; }));
})();
