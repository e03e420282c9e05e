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
const hasViews = document.querySelector("nav a[href=\"explore.html\"]") !== null;
const linked = (html) => (hasViews
  ? html.replace(/<span data-about="([a-z]+-\d+)">(.*?)<\/span>/gs, "<a href=\"explore.html#$1\">$2</a>")
  : html);
