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

const columnChooser = (table, columns, changed) => {
  const heads = [...table.tHead.rows[0].cells];
  const hidden = new Set();
  const named = table.tBodies[0].rows[0].querySelector("th")?.cellIndex ?? 0; // the name of a row always stands there
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
