// Everything has an address here: #feature-1, #search=words. No request, no storage, no markup from text.
(async () => {
  "use strict";
  const [MOST_ROWS, FIRST_ROWS] = [50, 25]; // a longer list begins with these
  const LONGEST_NAME = 160;
  const LONGEST_TEXT = 2000;
  const KINDS = {
    product: { table: "products", key: "product_id", title: "product", many: "products" },
    section: { table: "sections", key: "section_id", title: "section", many: "sections" },
    feature: { table: "features", key: "feature_id", title: "feature", many: "features" },
    test: { table: "tests", key: "test_id", title: "test", many: "tests" },
    bug: { table: "bugs", key: "bug_id", title: "title", many: "bugs" },
  };
  const view = document.getElementById("view");
  const input = document.getElementById("words");
  const [PAGE, HEADING] = [document.title, view.querySelector("h1").textContent];

  const made = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children.filter((child) => child !== null && child !== ""));
    return element;
  };
  const drawn = (tag, attributes, ...children) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
    element.append(...children);
    return element;
  };

  const unpacked = async () => {
    const packed = document.getElementById("data").textContent;
    let bytes;
    if (Uint8Array.fromBase64) bytes = Uint8Array.fromBase64(packed);
    else {
      const text = atob(packed);
      bytes = new Uint8Array(text.length);
      for (let place = 0; place < text.length; place += 1) bytes[place] = text.charCodeAt(place);
    }
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).json();
  };

  let data;
  try {
    data = await unpacked();
  } catch (error) {
    const why = "DecompressionStream" in window ? "Its data are damaged: make or send it again." : "Open it in a browser of 2023 or newer.";
    view.replaceChildren(
      made("h1", { className: "name", textContent: HEADING }),
      made("p", { className: "statement", textContent: `This page cannot show what it carries. ${why} The other pages are complete without it.` }),
    );
    return;
  }
  const { about, words, tables } = data;

  // -- rows -----------------------------------------------------------------------------------------------------------

  const kept = new Map();
  const once = (name, make) => {
    if (!kept.has(name)) kept.set(name, make());
    return kept.get(name);
  };
  const column = (table, name) => once(`${table}.${name}`, () => {
    const packed = tables[table].columns[name];
    if (Array.isArray(packed)) return packed;
    const text = (place) => packed.words[place];
    return packed.places.map((place) => (place === null ? null : Array.isArray(place) ? place.map(text) : text(place)));
  });
  // A row knows its place only; each of its values is looked up when it is asked for.
  const kindOfRow = (table) => once(`row of ${table}`, () => {
    const kind = {};
    Object.keys(tables[table].columns).forEach((name) => {
      let values;
      Object.defineProperty(kind, name, { get() {
        values = values || column(table, name);
        return values[this.place];
      } });
    });
    return kind;
  });
  const rowAt = (table, place) => Object.assign(Object.create(kindOfRow(table)), { place });
  const everyRow = (table) => Array.from({ length: tables[table].rows }, (_, place) => rowAt(table, place));
  const placesBy = (table, name) => once(`${table} by ${name}`, () => {
    const found = new Map();
    column(table, name).forEach((value, place) => {
      if (!found.has(value)) found.set(value, []);
      found.get(value).push(place);
    });
    return found;
  });
  // The rows of a table that lead to one row of another.
  const rowsOf = (table, name, place) => (placesBy(table, name).get(place) || []).map((at) => rowAt(table, at));
  const placeOf = (kind, id) => once(`ids of ${kind}`, () => {
    const { table, key } = KINDS[kind];
    return new Map(column(table, key).map((value, place) => [String(value), place]));
  }).get(id);
  const isActive = (row) => row.standing === "active";

  // -- words ----------------------------------------------------------------------------------------------------------

  const MONTHS = "January February March April May June July August September October November December".split(" ");
  const [whole, decimal] = [0, 2].map((digits) => new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  const grouped = (count) => whole.format(count);
  const counted = (count, one, many) => `${grouped(count)} ${count === 1 ? one : many || `${one}s`}`;
  const dayWords = (seconds) => {
    const day = new Date(seconds * 1000);
    return `${day.getUTCDate()} ${MONTHS[day.getUTCMonth()].slice(0, 3)} ${day.getUTCFullYear()}`;
  };
  const instantWords = (seconds) => {
    const day = new Date(seconds * 1000);
    const two = (number) => String(number).padStart(2, "0");
    return `${day.getUTCDate()} ${MONTHS[day.getUTCMonth()]} ${day.getUTCFullYear()}, ${two(day.getUTCHours())}:${two(day.getUTCMinutes())} UTC`;
  };
  const numberWords = (number) => {
    if (Number.isInteger(number)) return grouped(number);
    if (Math.abs(number) < 0.005) return String(Number(number.toPrecision(1)));
    return decimal.format(number);
  };
  const percent = (share) => {
    if (share > 0 && share < 0.005) return "<1\u00a0%";
    return share >= 0.995 && share < 1 ? ">99\u00a0%" : `${Math.round(share * 100)}\u00a0%`;
  };
  const isMissing = (value) => value === null || value === undefined;
  const ranged = (least, most, said = numberWords) => {
    if (isMissing(least)) return "unknown";
    if (isMissing(most)) return `at least ${said(least)}`;
    if (said(least) === said(most)) return said(least);
    const unit = "\u00a0%";
    return `${said(most).endsWith(unit) ? said(least).replace(unit, "") : said(least)}–${said(most)}`;
  };
  const listed = (parts) => (parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`);
  const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
  // What reads as one character is not cut in two.
  const short = (text, longest = LONGEST_NAME) => {
    if (text.length <= longest) return text;
    const parts = new Intl.Segmenter("en").segment(text.slice(0, longest + 50));
    let end = 0;
    for (const { index, segment } of parts) if (index + segment.length < longest) end = index + segment.length;
    return `${text.slice(0, end).trimEnd()}…`;
  };
  // So that a right-to-left word does not turn its neighbours around.
  // eslint-disable-next-line no-control-regex
  const isolated = (text) => (/^[\x00-\x7f]*$/.test(text) ? text : made("bdi", { textContent: text }));
  const day = (seconds) => {
    if (isMissing(seconds)) return null;
    const exact = new Date(seconds * 1000).toISOString();
    return made("time", { dateTime: exact, title: instantWords(seconds), textContent: dayWords(seconds) });
  };
  const chip = (state) => {
    const look = words.looks[state];
    const mark = look ? made("span", { className: "mark", ariaHidden: "true", textContent: words.marks[look] }) : "";
    return made("span", { className: look ? `state state-${look}` : "state" }, mark, look ? " " : "", words.states[state] || state);
  };
  const unsaid = () => made("span", { className: "missing", textContent: "not said" });
  const yesOrNo = (flag) => (isMissing(flag) ? unsaid() : flag ? "yes" : "no");

  // -- links ----------------------------------------------------------------------------------------------------------

  const addressOf = (kind, row) => `#${kind}-${row[KINDS[kind].key]}`;
  const nameOf = (kind, row) => row[KINDS[kind].title];
  // What is new since the last report has a word for it beside its name.
  const marked = (row, shown) => (isMissing(row.since) ? shown : made("span", {}, shown, " ", made("small", { textContent: row.since })));
  const link = (kind, row) => marked(row, made("a", { href: addressOf(kind, row) }, isolated(short(nameOf(kind, row)))));
  // `reference` is the place of a row, or the id as text where there is none.
  const linkTo = (kind, reference) => {
    if (isMissing(reference)) return null;
    if (typeof reference === "string") return `${capital(kind)} ${reference}`;
    return link(kind, rowAt(KINDS[kind].table, reference));
  };

  // -- blocks ---------------------------------------------------------------------------------------------------------

  const heading = (text) => made("h2", { textContent: text });
  const paragraph = (text, className = "") => made("p", { className }, text);
  const facts = (pairs) => made("ul", { className: "facts" }, ...pairs.filter(([, value]) => !isMissing(value))
    .map(([label, value]) => made("li", {}, label ? `${label} ` : "", label ? made("strong", {}, value) : value)));
  const figures = (items) => made("ul", { className: "figures" }, ...items.map(([label, value, ...notes]) => made(
    "li", {}, made("span", { textContent: label }), made("strong", {}, value),
    ...notes.filter(Boolean).map((note) => made("small", {}, note)),
  )));
  const notice = (lead, texts) => {
    if (!texts || !texts.length) return "";
    const list = made("ul", {}, ...texts.map((text) => made("li", {}, isolated(text))));
    const box = made("div", { className: "notice" }, made("p", {}, made("strong", { textContent: lead })), list);
    box.setAttribute("role", "note");
    return box;
  };
  const definitions = (pairs) => made("dl", { className: "about" }, ...pairs.filter(([, value]) => !isMissing(value))
    .flatMap(([term, value]) => [made("dt", { textContent: term }), made("dd", {}, value)]));

  const collated = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  // Missing values stand last in both directions: they are neither small nor large.
  const compared = (a, b, direction) => {
    if (isMissing(a) || isMissing(b)) return isMissing(a) - isMissing(b);
    return direction * (typeof a === "string" || typeof b === "string" ? collated.compare(a, b) : a - b);
  };

  // A table of `rows`. A column is its heading, what a cell shows, what it sorts by, and whether it is a number.
  const table = (caption, columns, rows) => {
    if (!rows.length) return "";
    let [order, shown] = [rows, rows.length > MOST_ROWS ? FIRST_ROWS : rows.length];
    const body = made("tbody");
    const fill = () => body.replaceChildren(...order.slice(0, shown).map((row) => made("tr", {}, ...columns.map(([label, show, , isNumber], place) => {
      const value = show(row);
      const cell = made(place ? "td" : "th", { className: [isNumber ? "num" : "", isMissing(value) ? "missing" : ""].join(" ").trim() });
      cell.append(isMissing(value) ? "–" : value);
      if (place) cell.dataset.label = label;
      else cell.scope = "row";
      return cell;
    }))));
    const heads = columns.map(([label, , key, isNumber], place) => {
      const head = made("th", { scope: "col", className: isNumber ? "num" : "" });
      if (!key || rows.length < 2) head.append(label);
      else {
        head.append(made("button", { type: "button", textContent: label, title: "Sort; the third click restores the order" }));
        head.firstChild.addEventListener("click", () => {
          const [first, second] = isNumber ? ["descending", "ascending"] : ["ascending", "descending"];
          const now = head.hasAttribute("aria-sort") ? { [first]: second }[head.getAttribute("aria-sort")] : first;
          heads.forEach((other) => other.removeAttribute("aria-sort"));
          if (now) head.setAttribute("aria-sort", now);
          const keyed = rows.map((row, at) => ({ row, at, key: columns[place][2](row) }));
          if (now) keyed.sort((a, b) => compared(a.key, b.key, now === "ascending" ? 1 : -1) || a.at - b.at);
          order = keyed.map(({ row }) => row);
          fill();
        });
      }
      return head;
    });
    fill();
    const element = made("table", { className: columns.length > 3 ? "many" : "few" },
      made("caption", { textContent: caption }), made("thead", {}, made("tr", {}, ...heads)), body);
    const region = made("div", { className: "scroll fits", ariaLabel: caption }, element);
    region.setAttribute("role", "region");
    const block = made("div", { className: "table" }, region);
    if (rows.length > shown) {
      const more = made("button", { type: "button", textContent: `Show all ${grouped(rows.length)}` });
      const rest = made("p", { className: "more" }, `${shown} of ${grouped(rows.length)} shown. `, more);
      more.addEventListener("click", () => {
        const first = shown;
        shown = rows.length;
        fill();
        rest.remove();
        const target = body.rows[first].querySelector("a") || region;
        target.focus();
      });
      block.append(rest);
    }
    return block;
  };

  const stateBar = (counts, caption) => {
    const total = counts.reduce((sum, [, count]) => sum + count, 0);
    const said = counts.map(([state, count]) => `${grouped(count)} ${words.states[state] || state}`).join(", ");
    let start = 0;
    const parts = counts.filter(([, count]) => count).map(([state, count]) => {
      const place = { x: `${(100 * start) / total}%`, y: 0, width: `${(100 * count) / total}%`, height: 40 };
      start += count;
      return drawn("rect", { class: `fill fill-${words.looks[state]}`, ...place });
    });
    const bar = drawn("svg", { class: "bar", width: "100%", height: 40, role: "img", "aria-label": `${counted(total, "feature")}: ${said}` }, ...parts);
    const keys = counts.map(([state, count]) => made("li", {}, chip(state), " ", made("strong", { textContent: grouped(count) }),
      " ", made("small", { textContent: percent(count / total) })));
    return total ? made("figure", { className: "states" }, made("figcaption", { textContent: caption }), bar, made("ul", { className: "key" }, ...keys)) : "";
  };
  const statesOf = (row) => (isMissing(row.coverage_active_features) ? ""
    : stateBar(words.order.map((state) => [state, row[`coverage_${state}`]]), "Active features, by state"));

  // Tests on a line from the oldest to the newest; a disc was executed, a ring was not, and its size says how many bugs.
  const timeLine = (tests, bugsIn) => {
    const dated = tests.filter((test) => !isMissing(test.at));
    if (dated.length < 2) return "";
    const times = dated.map((test) => test.at);
    const [first, last] = [Math.min(...times), Math.max(...times, about.as_of)];
    const across = (seconds) => `${2 + (96 * (seconds - first)) / (last - first || 1)}%`;
    const years = [];
    for (let year = new Date(first * 1000).getUTCFullYear() + 1; Date.UTC(year, 0) / 1000 <= last; year += 1) years.push(year);
    const ticks = years.flatMap((year) => {
      const x = across(Date.UTC(year, 0) / 1000);
      return [drawn("line", { class: "tick", x1: x, x2: x, y1: 8, y2: 48 }), drawn("text", { class: "year", x, y: 62 }, String(year))];
    });
    const marks = dated.map((test) => drawn("circle", {
      class: test.group === "executed" ? "done" : "open", cx: across(test.at), cy: 28, r: 5 + Math.min(11, 2 * Math.sqrt(bugsIn(test))),
    }));
    const said = `${counted(dated.length, "test")} from ${dayWords(first)} to ${dayWords(Math.max(...times))}`;
    const axis = drawn("line", { class: "axis", x1: 0, x2: "100%", y1: 28, y2: 28 });
    const line = drawn("svg", { class: "times", width: "100%", height: 68, role: "img", "aria-label": said }, ...ticks, axis, ...marks);
    const key = "Filled: executed. Empty: scheduled, cancelled or unknown. The larger, the more bugs.";
    return made("figure", { className: "line" }, line, made("figcaption", { textContent: `${said}. ${key}` }));
  };

  // -- lists that several views show ----------------------------------------------------------------------------------

  const SEVERITIES = ["critical", "high", "low"];
  const severityOrder = (bug) => (SEVERITIES.includes(bug.severity) ? SEVERITIES.indexOf(bug.severity) : SEVERITIES.length);
  const urgentFirst = (bugs) => [...bugs].sort((a, b) => (a.bucket !== "open") - (b.bucket !== "open")
    || severityOrder(a) - severityOrder(b) || a.place - b.place);
  const outcome = (bug) => {
    if (!isActive(bug)) return "removed";
    const said = bug.bucket === "other" ? `other: ${short(bug.status, 40)}` : words.outcomes[bug.bucket];
    return said + (bug.is_known ? ", known before" : "");
  };
  const modelWords = ({ vendor, device }) => (vendor && device && !device.startsWith(vendor) ? `${vendor} ${device}` : device || vendor || "");
  const deviceWords = (row) => [modelWords(row), [row.operating_system, row.os_version].filter(Boolean).join(" "), row.browsers]
    .filter(Boolean).join(", ");
  const devicesOf = (bug) => [...new Set(rowsOf("devices", "bug_id", bug.place).map(deviceWords).filter(Boolean))];
  const deviceCell = (bug) => {
    const [first, ...others] = devicesOf(bug);
    if (!first) return null;
    return others.length ? made("span", {}, isolated(first), ` and ${others.length} more`) : isolated(first);
  };
  const trackerCell = (bug) => (bug.external_idx ? isolated(short(bug.external_idx)) : null);
  const fixedCell = (bug) => yesOrNo(bug.fixed);
  const BUG_COLUMNS = {
    name: ["Bug", (bug) => link("bug", bug), (bug) => bug.title],
    severity: ["Severity", (bug) => (bug.severity ? isolated(short(bug.severity, 40)) : null), severityOrder],
    outcome: ["Outcome", outcome, outcome],
    feature: ["Feature", (bug) => linkTo("feature", bug.feature_id)],
    test: ["Test", (bug) => linkTo("test", bug.test_id)],
    device: ["Device", deviceCell],
    tracker: ["Tracker key", trackerCell, (bug) => bug.external_idx],
    fixed: ["Fixed", fixedCell, (bug) => bug.fixed],
    reported: ["Reported", (bug) => day(bug.reported_at), (bug) => bug.reported_at],
  };
  const bugTable = (bugs, ...without) => {
    const shown = Object.keys(BUG_COLUMNS).filter((name) => !without.includes(name)
      && (name !== "tracker" || bugs.some((bug) => bug.external_idx)));
    return table(`${counted(bugs.length, "bug")}: open ones first, then by severity.`, shown.map((name) => BUG_COLUMNS[name]), urgentFirst(bugs));
  };
  const isValid = (bug) => isActive(bug) && bug.is_valid;
  // What was not executed has found nothing, and nothing is unknown of it.
  const mayHaveFound = (test) => test.group === "executed" || test.group === "unknown";
  // A bug that does not say its status may be a valid one.
  const bugWords = (bugs, test) => {
    const [valid, perhaps] = ["is_valid", "may_be_valid"].map((name) => bugs.filter((bug) => isActive(bug) && bug[name]).length);
    if (!perhaps && !mayHaveFound(test)) return null;
    if (!test.bugs_read) return valid ? `at least ${grouped(valid)}` : "unknown";
    return ranged(valid, perhaps);
  };
  const testWords = (test) => {
    if (!isActive(test)) return "removed";
    if (test.is_running) return "running";
    return { executed: "executed", planned: "scheduled", lapsed: "lapsed", neither: "cancelled", later: "not yet over" }[test.group] || "unknown";
  };
  const testChip = (test) => (testWords(test) === "unknown" ? chip("unknown") : testWords(test));
  const inScope = (test) => column("scope", "feature_id").length && rowsOf("scope", "test_id", test.place);
  const TEST_COLUMNS = [
    ["Test", (test) => link("test", test), (test) => test.test],
    ["Counts as", testChip, testWords],
    ["End", (test) => day(test.at), (test) => test.at],
    ["Type", (test) => (test.testing_type ? isolated(test.testing_type) : null), (test) => test.testing_type],
    ["Features in scope", (test) => (test.is_silent ? chip("unknown") : grouped(inScope(test).length)), (test) => inScope(test).length, true],
    ["Valid bugs", (test) => unknownChip(bugWords(rowsOf("bugs", "test_id", test.place), test)), (test) => (placesBy("bugs", "test_id").get(test.place) || []).length, true],
  ];
  const testTable = (tests) => table(`${counted(tests.length, "test")}, the newest first.`, TEST_COLUMNS, tests);
  const FEATURE_COLUMNS = [
    ["Feature", (feature) => link("feature", feature), (feature) => feature.feature],
    ["State", (feature) => chip(feature.catalogue_state), (feature) => words.order.indexOf(feature.catalogue_state)],
    ["Why", (feature) => isolated(feature.catalogue_reason)],
    ["Tests", (feature) => numberOrUnknown(feature.catalogue_executed_tests), (feature) => feature.catalogue_executed_tests, true],
    ["Valid bugs", (feature) => ranged(feature.bugs_bugs, feature.bugs_bugs_highest), (feature) => feature.bugs_bugs, true],
    ["Newest result", (feature) => resultCell(feature), (feature) => feature.results_result],
    ["Next", (feature) => numberOrUnknown(feature.next_rank), (feature) => feature.next_rank, true],
  ];
  const numberOrUnknown = (value) => (isMissing(value) ? chip("unknown") : numberWords(value));
  const resultWords = (feature) => feature.results_result + (feature.results_worst_severity ? ` (${short(feature.results_worst_severity, 40)})` : "");
  const resultCell = (feature) => (feature.results_result === "unknown" ? chip("unknown") : resultWords(feature));
  const featureTable = (features) => table(
    `${counted(features.length, "feature")}, those that need a test first. “Next” is the place in what to test next.`, FEATURE_COLUMNS, features,
  );
  // Those that need a test first, by state and then by what a test would find.
  const activeFeatures = (features) => features.filter((feature) => isActive(feature) && feature.catalogue_state).sort((a, b) => (
    words.order.indexOf(a.catalogue_state) - words.order.indexOf(b.catalogue_state) || compared(a.next_rank, b.next_rank, 1)));
  const removedNote = (row, what) => `${capital(what)} that Test IO no longer lists: found gone on ${dayWords(row.removed_at)}.`;

  // -- views ----------------------------------------------------------------------------------------------------------

  const openWords = (bugs) => {
    const open = bugs.filter((bug) => bug.bucket === "open");
    if (!open.length) return "none of them open";
    const critical = open.filter((bug) => bug.severity === "critical").length;
    return `${grouped(open.length)} open${critical ? `, ${grouped(critical)} of these critical` : ""}`;
  };
  const neverWords = (row) => `${ranged(row.coverage_never_executed, row.coverage_never_executed_highest)} of ${counted(row.coverage_active_features, "active feature")} were never tested`;
  const coverageWords = (row) => {
    if (isMissing(row.coverage_active_features)) return "Its features are not known.";
    if (!row.coverage_active_features) return "It has no active feature.";
    return `${capital(neverWords(row))}; ${ranged(row.coverage_recent_covered, row.coverage_recent_covered_highest)} tested recently.`;
  };

  const showProduct = (product) => {
    const sections = rowsOf("sections", "product_id", product.place)
      .filter((section) => isActive(section) && !(section.is_default && isMissing(section.coverage_active_features)));
    const features = activeFeatures(rowsOf("features", "product_id", product.place));
    const tests = rowsOf("tests", "product_id", product.place).filter(isActive);
    const bugs = rowsOf("bugs", "product_id", product.place).filter(isActive);
    const statement = product.standing === "removed" ? removedNote(product, "a product")
      : product.standing === "active" ? coverageWords(product) : "A product that this report was not made for: only what touches the others is here.";
    const rate = (name) => ranged(product[`triage_${name}`], product[`triage_${name}_highest`], percent);
    return {
      path: [made("a", { href: "#", textContent: "All products" })],
      statement,
      parts: [
        product.standing !== "active" ? "" : figures([
          ["Ever tested", ranged(product.coverage_ever_covered, product.coverage_ever_covered_highest),
            isMissing(product.coverage_ever_share) ? "" : `${percent(product.coverage_ever_share)} of ${counted(product.coverage_active_features, "active feature")}`],
          ["Valid bugs", ranged(product.bugs_bugs, product.bugs_bugs_highest), isMissing(product.bugs_open) ? "" : openWords(bugs)],
          ["Bugs per test of a feature", isMissing(product.rates_prior_mean) ? "unknown" : numberWords(product.rates_prior_mean), "on average"],
          ["Bugs triaged manually", rate("review"), isMissing(product.triage_total) ? ""
            : `${numberWords(product.triage_active_accepted + product.triage_rejected)} of ${counted(product.triage_total, "bug")}`, intervalNote(product.triage_review_low, product.triage_review_high, percent),
            product.triage_is_provisional ? "provisional" : ""],
          ["Stories with a result", ranged(product.stories_covered, product.stories_covered_highest), isMissing(product.stories_stories) ? "" : `of ${counted(product.stories_stories, "active story", "active stories")}`],
        ]),
        notice("What puts its figures in doubt", product.doubts),
        statesOf(product),
        ...(sections.length > 1 ? [heading("Sections"), sectionTable(sections)] : []),
        ...(features.length ? [heading("Features"), featureTable(features)] : []),
        ...(tests.length ? [heading("Tests"), testTable(tests)] : []),
        ...(bugs.length ? [heading("Bugs"), bugTable(bugs, "device")] : []),
      ],
      facts: [["Product", String(product.product_id)], ["Kind", product.type && isolated(product.type)]],
    };
  };
  const intervalNote = (low, high, said = numberWords) => (isMissing(low) || isMissing(high) ? "" : `95\u00a0% interval ${ranged(low, high, said)}`);
  const countOf = (name) => (row) => numberOrUnknown(row[name]);
  const sectionTable = (sections) => table(`${counted(sections.length, "section")}; a feature of two sections counts in both.`, [
    ["Section", (section) => link("section", section), (section) => section.section],
    ...["active_features", ...words.order].map((name) => [name === "active_features" ? "Active features" : capital(words.states[name] || name),
      (section) => (isMissing(section.coverage_active_features) ? null : numberWords(section[`coverage_${name}`])), (section) => section[`coverage_${name}`], true]),
  ], sections);

  const showSection = (section) => {
    const places = rowsOf("memberships", "section_id", section.place).map((row) => row.feature_id).sort((a, b) => a - b);
    const features = activeFeatures(places.map((place) => rowAt("features", place)));
    const tests = rowsOf("tests", "section_id", section.place).filter(isActive);
    return {
      path: [linkTo("product", section.product_id)],
      statement: isActive(section) ? (isMissing(section.coverage_active_features) && !features.length ? "No feature is listed in it." : coverageWords(section)) : removedNote(section, "a section"),
      facts: [["Section", String(section.section_id)], [null, section.is_default ? "the section that every product has" : null]],
      parts: [
        notice("What puts the figures of its product in doubt", productDoubts(section)),
        statesOf(section),
        ...(features.length ? [heading("Features"), featureTable(features)] : []),
        ...(tests.length ? [heading("Tests of this section"), testTable(tests)] : []),
      ],
    };
  };
  const productDoubts = (row) => (typeof row.product_id === "number" ? column("products", "doubts")[row.product_id] : []);
  const sectionLinks = (feature) => rowsOf("memberships", "feature_id", feature.place).map((row) => rowAt("sections", row.section_id))
    .filter((section) => !section.is_default || column("products", "is_sectioned")[section.product_id]).map((section) => link("section", section));

  const SCOPES = { enable_default: "functional", enable_content: "content", enable_visual: "visual" };
  const scopeWords = (row) => listed(Object.entries(SCOPES).filter(([flag]) => row[flag]).map(([, word]) => word)) || null;
  const textWords = (row) => (isMissing(row.differs) ? null : row.differs ? "another one" : "as now");
  const storyWords = (runs, test) => {
    if (!runs.length && !mayHaveFound(test)) return null;
    if (!test.results_read) return "unknown";
    const counts = new Map();
    runs.forEach((run) => counts.set(run.status, (counts.get(run.status) || 0) + 1));
    return [...counts].map(([status, count]) => `${count} ${statusWords(status)}`).join(", ") || null;
  };
  const statusWords = (status) => (isMissing(status) ? "unknown" : status === "not_tested" ? "not run" : status);
  const unknownChip = (text) => (text === "unknown" ? chip("unknown") : text);

  const showFeature = (feature) => {
    const bugs = rowsOf("bugs", "feature_id", feature.place).filter(isActive);
    const scope = rowsOf("scope", "feature_id", feature.place);
    const tests = scope.map((row) => Object.assign(rowAt("tests", row.test_id), { scope: row }));
    const runs = rowsOf("runs", "feature_id", feature.place);
    const stories = rowsOf("stories", "feature_id", feature.place);
    const bugsIn = (test) => bugs.filter((bug) => bug.test_id === test.place);
    return {
      path: [linkTo("product", feature.product_id), sectionLinks(feature)],
      state: feature.catalogue_state,
      statement: featureStatement(feature),
      facts: [["Feature", String(feature.feature_id)], ["First seen", day(feature.catalogue_first_seen)]],
      parts: [
        isActive(feature) && feature.catalogue_state ? featureFigures(feature, bugs) : "",
        notice("What puts these figures in doubt", doubtsOf(feature)),
        ...(bugs.length ? [heading("Bugs"), bugTable(bugs, "feature")] : noneOf(feature, "Bugs", "bug", feature.bugs_bugs_highest)),
        ...(tests.length ? [heading("Tests over time"), timeLine(tests, (test) => bugsIn(test).filter(isValid).length), table(
          `${counted(tests.length, "test")} with this feature in scope, the newest first.`,
          [
            ["Test", (test) => link("test", test), (test) => test.test],
            ["Counts as", testChip, testWords],
            ["End", (test) => day(test.at), (test) => test.at],
            ["Valid bugs of it", (test) => unknownChip(bugWords(bugsIn(test), test)), (test) => bugsIn(test).length, true],
            ["Its stories", (test) => unknownChip(storyWords(runs.filter((run) => run.test_id === test.place), test))],
            ["Bugs asked for", (test) => scopeWords(test.scope)],
            ["Its text", (test) => textWords(test.scope), (test) => test.scope.differs],
          ],
          tests,
        )] : noneOf(feature, "Tests over time", "test with it in scope", feature.catalogue_state === "unknown" ? null : 0)),
        ...(stories.length ? [heading("Stories"), featureStories(stories, runs)] : noneOf(feature, "Stories", "story", feature.catalogue_stories)),
        ...featureTexts(feature),
        ...(isMissing(feature.bugs_bugs_per_test) ? [] : [heading("Bugs per test"), featureRates(feature)]),
        ...(isMissing(feature.next_rank) ? [] : [heading("Place in what to test next"), paragraph(`${capital(feature.next_why)}.${feature.next_tie ? ` ${feature.next_tie}.` : ""}`), featureParts(feature)]),
      ],
    };
  };
  // Where a list is empty: whether there is nothing, or nobody knows.
  const noneOf = (feature, title, what, most) => (isActive(feature)
    ? [heading(title), paragraph(most === 0 ? `There is no ${what}.` : `No ${what} is known; whether there is one is unknown.`)] : []);
  const doubtsOf = (feature) => {
    const said = feature.doubts || [];
    const all = feature.results_gap ? feature.results_gap.split("; ").filter((part) => part.includes("this feature")) : [];
    return [...new Set([...said, ...all])];
  };
  const featureStatement = (feature) => {
    if (feature.standing === "removed") return removedNote(feature, "a feature");
    if (feature.standing === "not in the catalogue") return "Only tests and bugs name it: the catalogue that was read does not have it.";
    if (feature.standing !== "active" || !feature.catalogue_state) return "A feature of a product that this report was not made for: only what touches it here is shown.";
    const result = feature.results_result === "none" ? "" : ` Newest result: ${resultWords(feature)}.`;
    return made("p", { className: "statement" }, isolated(`${feature.catalogue_reason}.${result}`));
  };
  const featureFigures = (feature, bugs) => figures([
    ["Executed tests", numberOrUnknown(feature.catalogue_executed_tests),
      `${numberWords(feature.catalogue_executed_tests_in_window || 0)} in the last ${about.window} days`,
      feature.catalogue_planned_tests ? `${numberWords(feature.catalogue_planned_tests)} scheduled` : ""],
    ["Valid bugs", ranged(feature.bugs_bugs, feature.bugs_bugs_highest), feature.bugs_bugs ? openWords(bugs) : "", feature.bugs_known ? `${feature.bugs_known} known before` : ""],
    ["Bugs per test, adjusted", isMissing(feature.bugs_shrunk) ? "unknown" : numberWords(feature.bugs_shrunk),
      intervalNote(feature.bugs_shrunk_low, feature.bugs_shrunk_high), isMissing(feature.bugs_prior_mean) ? "" : `product average ${numberWords(feature.bugs_prior_mean)}`],
    ["Newest result", resultCell(feature), day(feature.results_at) || ""],
    ["Place in what to test next", isMissing(feature.next_rank) ? "unknown" : `${numberWords(feature.next_rank)} of ${numberWords(rankedFeatures())}`,
      isMissing(feature.next_expected_bugs) ? "" : `${numberWords(feature.next_expected_bugs)} bugs expected of a test now`],
  ]);
  const rankedFeatures = () => once("ranked", () => column("features", "next_rank").filter((rank) => !isMissing(rank)).length);
  const featureStories = (stories, runs) => table(`${counted(stories.length, "story", "stories")}, by newest result.`, [
    ["Story", (story) => marked(story, isolated(short(story.story))), (story) => story.story],
    ["Newest result", (story) => unknownChip(story.state + (story.is_by_bug ? " (by a bug)" : "")), (story) => story.state],
    ["On", (story) => day(story.at), (story) => story.at],
    ["In", (story) => linkTo("test", story.test_id)],
    ["Over time", (story) => storyTimes(story, runs)],
    ["Text since", (story) => (story.changed_words ? isolated(short(story.changed_words)) : story.is_old_version ? "changed" : null)],
  ], stories);
  const storyTimes = (story, runs) => {
    const own = runs.filter((run) => run.story_id === story.place && typeof run.test_id === "number").sort((a, b) => a.test_id - b.test_id);
    if (!own.length) return null;
    const said = own.slice(0, 6).map((run) => {
      const at = column("tests", "at")[run.test_id];
      return `${statusWords(run.status)}${isMissing(at) ? "" : ` ${dayWords(at)}`}`;
    });
    return said.join(" · ") + (own.length > 6 ? ` · ${own.length - 6} more` : "");
  };
  const TEXTS = { title: "Title", description: "Description", howtofind: "Directions" };
  const featureTexts = (feature) => {
    const now = ["description", "howtofind"].filter((name) => feature[name]);
    const then = Object.keys(TEXTS).filter((name) => feature[`then_${name}`]);
    const has = now.length || then.length || feature.catalogue_changed_words;
    if (!has) return feature.standing === "active" ? [heading("Text"), paragraph("It has neither description nor directions.")] : [];
    const changed = feature.catalogue_changed_since_tested;
    return [
      heading("Text"),
      isMissing(changed) ? "" : made("p", {}, changed ? "Changed since its newest test" : "The same as in its newest test", changed && feature.catalogue_changed_words ? ": " : ".",
        changed && feature.catalogue_changed_words ? isolated(feature.catalogue_changed_words) : ""),
      ...now.flatMap((name) => [made("h3", { textContent: TEXTS[name] }), longText(feature[name])]),
      then.length ? made("details", { className: "definitions" }, made("summary", { textContent: "As its newest test was given it" }),
        ...then.flatMap((name) => [made("h3", { textContent: TEXTS[name] }), longText(feature[`then_${name}`])])) : "",
    ];
  };
  const longText = (text) => made("p", { className: "text" }, isolated(short(text, LONGEST_TEXT)),
    text.length > LONGEST_TEXT ? made("small", { textContent: ` (${grouped(text.length)} characters)` }) : "");
  const featureRates = (feature) => table(`Against the product it is ${words.signals[feature.bugs_signal] || "not compared: too few tested features"}.`, [
    ["Bugs per test", (row) => row[0]],
    ["This feature", (row) => (isMissing(row[1]) ? null : numberWords(row[1])), null, true],
    ["95\u00a0% interval", (row) => (isMissing(row[2]) ? null : ranged(row[2], row[3])), null, true],
    ["Product average", (row) => (isMissing(row[4]) ? null : numberWords(row[4])), null, true],
  ], [
    ["From its own tests alone", feature.bugs_bugs_per_test, feature.bugs_raw_low, feature.bugs_raw_high, null],
    ["Adjusted: drawn towards the product's average", feature.bugs_shrunk, feature.bugs_shrunk_low, feature.bugs_shrunk_high, feature.bugs_prior_mean],
  ]);
  const featureParts = (feature) => {
    if (isMissing(feature.next_expected_bugs)) return "";
    const own = feature.next_own_impact;
    return table("How the figure comes about.", [
      ["Part", (row) => row[0]],
      ["Value", (row) => (isMissing(row[1]) ? null : numberWords(row[1])), null, true],
      ["What", (row) => row[2]],
    ], [
      ...Object.entries(words.parts).map(([name, said]) => [capital(said), feature[`next_part_${name}`], "bugs, added"]),
      ["Expected bugs", feature.next_expected_bugs, `the sum; the next test finds ${ranged(feature.next_expected_low, feature.next_expected_high)}`],
      ["Severity", feature.next_severity_weight, "times the mean weight of these bugs"],
      ...(isMissing(own) ? [] : [["Own weight", own, "times your own weight"]]),
      ["Expected, by severity", feature.next_expected_weighted, "the figure of the list"],
    ]);
  };

  const showTest = (test) => {
    const scope = rowsOf("scope", "test_id", test.place);
    const bugs = rowsOf("bugs", "test_id", test.place).filter(isActive);
    const runs = rowsOf("runs", "test_id", test.place);
    const of = (rows, feature) => rows.filter((row) => !isMissing(feature) && row.feature_id === feature);
    const valid = bugWords(bugs, test);
    return {
      path: [linkTo("product", test.product_id), linkTo("section", test.section_id)],
      statement: testStatement(test, scope, valid),
      facts: [["Test", String(test.test_id)], ["Type", test.testing_type && isolated(test.testing_type)], ["Status", test.status && isolated(test.status)],
        [test.start_at > about.as_of ? "Starts" : "Started", day(test.start_at)], [test.end_at > about.as_of ? "Ends" : "Ended", day(test.end_at)], ["Environment", test.environment_title && isolated(short(test.environment_title))], ["Language", test.report_language]],
      parts: [
        figures([
          ["Features in scope", test.is_silent ? chip("unknown") : numberWords(scope.length)],
          ["Valid bugs", unknownChip(valid) || "none", bugs.length ? openWords(bugs) : "", bugs.length ? `${counted(bugs.filter((bug) => bug.bucket === "rejected").length, "bug")} rejected` : ""],
          ["Stories", unknownChip(storyWords(runs, test) || "none")],
        ]),
        notice("What is not known of it", testDoubts(test)),
        ...(scope.length ? [heading("Scope"), table(`${counted(scope.length, "feature")} that testers were asked to look at.`, [
          ["Feature", (row) => linkTo("feature", row.feature_id) || isolated(short(row.title || "A feature without name")), (row) => (typeof row.feature_id === "number" ? column("features", "feature")[row.feature_id] : row.title)],
          ["State now", (row) => stateCell(row.feature_id)],
          ["Valid bugs here", (row) => unknownChip(bugWords(of(bugs, row.feature_id), test)), (row) => of(bugs, row.feature_id).filter(isValid).length, true],
          ["Stories here", (row) => unknownChip(storyWords(of(runs, row.feature_id), test))],
          ["Bugs asked for", scopeWords],
          ["Its text", textWords],
        ], scope)] : []),
        ...(bugs.length ? [heading("Bugs"), bugTable(bugs, "test")] : []),
        ...(runs.length ? [heading("Stories"), table(`${counted(runs.length, "story", "stories")} in this test.`, [
          ["Story", (run) => isolated(short(typeof run.story_id === "number" ? column("stories", "story")[run.story_id] : run.title || `Story ${run.story_id}`))],
          ["Result", (run) => unknownChip(statusWords(run.status) + (run.is_by_bug ? " (by a bug)" : "")), (run) => run.status],
          ["Testers", (run) => numberOrUnknown(run.tested_by), (run) => run.tested_by, true],
          ["Feature", (run) => linkTo("feature", run.feature_id)],
        ], runs)] : []),
      ],
    };
  };
  const stateCell = (feature) => {
    const state = typeof feature === "number" ? column("features", "catalogue_state")[feature] : null;
    return state ? chip(state) : typeof feature === "number" ? column("features", "standing")[feature] : null;
  };
  const testStatement = (test, scope, valid) => {
    if (!isActive(test)) return removedNote(test, "a test");
    const when = isMissing(test.at) ? ", at an unknown date" : `, ${test.is_running ? "planned to end" : "ended"} ${dayWords(test.is_running ? test.end_at || test.at : test.at)}`;
    const kinds = {
      executed: `${test.is_running ? "Running now" : "Executed"}${when}`,
      planned: `Scheduled${isMissing(test.start_at) ? "" : `, starts ${dayWords(test.start_at)}`}: nothing is tested yet`,
      lapsed: "Scheduled, and never begun: its dates are long over",
      neither: "Cancelled: it counts neither as executed nor as scheduled",
      later: `It had not ended by ${instantWords(about.as_of)}`,
    };
    const kind = kinds[test.group] || `Its status “${short(test.status || "", 40)}” is not known: whether it was executed is unknown`;
    const features = test.is_silent ? "it does not say which features it covers" : `${counted(scope.length, "feature")} in scope`;
    return `${kind}; ${features}${test.group === "executed" ? `, ${valid === "1" ? "1 valid bug" : valid === "unknown" ? "bugs unknown" : `${valid} valid bugs`}` : ""}.`;
  };
  const testDoubts = (test) => {
    if (!isActive(test)) return [];
    const said = [];
    if (test.group === "executed" && !test.bugs_read) said.push("Its bugs were not all read");
    if (test.group === "executed" && !test.results_read) said.push("Its results were not all read");
    if (test.is_silent) said.push("It may have covered features that it does not name");
    if (!test.is_dated) said.push("It has no date that is possible");
    return said;
  };

  const severityWords = (bug) => (bug.severity.startsWith("(") ? "Severity not said" : capital(short(bug.severity, 40)));
  const showBug = (bug) => {
    const devices = rowsOf("devices", "bug_id", bug.place);
    const seen = devicesOf(bug);
    const answers = rowsOf("answers", "bug_id", bug.place);
    const reported = isMissing(bug.reported_at) ? "" : `, reported ${dayWords(bug.reported_at)}`;
    return {
      path: [linkTo("product", bug.product_id), linkTo("feature", bug.feature_id)],
      statement: isActive(bug) ? `${severityWords(bug)}, ${bug.bucket === "other" ? `status ${short(bug.status, 40)}` : outcome(bug)}${reported}${seen.length ? ` on ${short(seen[0])}` : ""}${seen.length > 1 ? ` and ${counted(seen.length - 1, "more device")}` : ""}.` : removedNote(bug, "a bug"),
      facts: [["Bug", String(bug.bug_id)], ["Tracker key", trackerCell(bug)]],
      parts: [
        definitions([
          ["Feature", linkTo("feature", bug.feature_id) || (isActive(bug) ? `Not attributable: it names none${isMissing(bug.test_id) ? "" : " of its test"}` : null)],
          ["Test", linkTo("test", bug.test_id) || (isActive(bug) ? unsaid() : null)],
          ["Severity", bug.severity && isolated(bug.severity)],
          ["Status", bug.status && isolated(bug.status)],
          ["Outcome", isActive(bug) ? outcome(bug) : null],
          ["Known before", isActive(bug) ? yesOrNo(bug.known) : null],
          ["Fixed", isActive(bug) ? fixedCell(bug) : null],
          ["Reported", day(bug.reported_at)],
          ["Exported to the tracker", day(bug.exported_at)],
          ["Tracker key", trackerCell(bug)],
          ["Language", bug.language],
        ]),
        ...(answers.length ? [heading(short(answers[0].form || "Your own form")), table(`${counted(answers.length, "answer")} on this form of yours.`, [
          ["Question", (row) => isolated(short(row.question || "Without name"))],
          ["Answer", (row) => (row.value ? isolated(short(row.value, LONGEST_TEXT)) : null)],
        ], answers)] : []),
        ...(devices.length ? [heading("Devices"), table(`Seen on ${counted(devices.length, "device")}.`, [
          ["Device", (row) => isolated(modelWords(row) || "not said")],
          ["Kind", (row) => row.category && isolated(row.category)],
          ["Operating system", (row) => isolated([row.operating_system, row.os_version].filter(Boolean).join(" ")) || null],
          ["Browsers", (row) => row.browsers && isolated(row.browsers)],
        ], devices)] : []),
      ],
    };
  };

  const SHOWN = { product: showProduct, section: showSection, feature: showFeature, test: showTest, bug: showBug };
  const showThing = (kind, place) => {
    const row = rowAt(KINDS[kind].table, place);
    const { facts: pairs, ...rest } = SHOWN[kind](row);
    return { title: nameOf(kind, row), kind: capital(kind), facts: [...pairs, ["Since the last report", row.since]], ...rest };
  };

  const showStart = () => {
    const products = everyRow("products").filter(isActive);
    const count = (table) => column(table, "standing").filter((standing) => standing === "active").length;
    return {
      title: HEADING,
      statement: made("div", {}, paragraph(about.sentence, "statement"), paragraph(isolated(about.since), "since")),
      facts: [["As of", instantWords(about.as_of)], ...["features", "tests", "bugs"].map((name) => [capital(name), grouped(count(name))])],
      parts: [
        notice("What puts figures in doubt", about.doubts),
        heading("Products"),
        table(`${counted(products.length, "active product")}. Every name leads on.`, [
          ["Product", (product) => link("product", product), (product) => product.product],
          ["Active features", countOf("coverage_active_features"), (product) => product.coverage_active_features, true],
          ...words.order.map((state) => [capital(words.states[state] || state), countOf(`coverage_${state}`), (product) => product[`coverage_${state}`], true]),
          ["Valid bugs", (product) => ranged(product.bugs_bugs, product.bugs_bugs_highest), (product) => product.bugs_bugs, true],
          ["Open bugs", countOf("bugs_open"), (product) => product.bugs_open, true],
        ], products),
      ],
    };
  };

  const showUnknown = (asked) => ({
    title: "Not in this page",
    statement: made("p", { className: "statement" }, "Nothing here has the address ", isolated(short(asked)), "."),
    facts: [],
    parts: [paragraph(`It may be newer than this report, which speaks of ${instantWords(about.as_of)}, or belong to another account or to a product that the report was not made for. Search for words of its title above, or begin with the products:`),
      made("p", {}, made("a", { href: "#", textContent: "All products" }))],
  });

  // -- search ---------------------------------------------------------------------------------------------------------

  // Words are compared whole, without case and accents; of scripts that part no words, each character is one.
  const UNPARTED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]/gu;
  const phraseOf = (text) => {
    // eslint-disable-next-line no-control-regex
    if (/^[\x00-\x7f]*$/.test(text)) return ` ${text.toLowerCase().replace(/[^a-z0-9]+/g, " ").trim()} `;
    const plain = text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(UNPARTED, " $& ");
    return ` ${(plain.match(/[\p{L}\p{N}]+/gu) || []).join(" ")} `;
  };
  const phrasesOf = (kind) => once(`phrases of ${kind}`, () => {
    const { table: name, title, key } = KINDS[kind];
    const keys = kind === "bug" ? column(name, "external_idx") : [];
    const ids = column(name, key);
    return column(name, title).map((text, place) => `${phraseOf(text)}| ${ids[place]} |${keys[place] ? phraseOf(keys[place]) : ""}`);
  });
  const found = (asked) => {
    const typed = asked.replace(/[\u201c-\u201f]/g, "\"").match(/"[^"]*"?|[^\s"]+/g) || [];
    const phrases = typed.map(phraseOf).filter((phrase) => phrase.trim());
    if (!phrases.length) return null;
    const search = (wanted) => Object.fromEntries(Object.keys(KINDS).map((kind) => {
      const places = [];
      phrasesOf(kind).forEach((text, place) => { if (wanted.every((phrase) => text.includes(phrase))) places.push(place); });
      return [kind, places];
    }));
    const whole = search(phrases);
    // While a word is being typed nothing has it yet: then what has words that begin so is shown.
    return Object.values(whole).some((places) => places.length) ? whole : search(phrases.map((phrase) => phrase.trimEnd()));
  };
  const OF_PRODUCT = ["Product", (row) => linkTo("product", row.product_id)];
  const RESULT_COLUMNS = {
    product: [["Active features", countOf("coverage_active_features"), null, true]],
    section: [OF_PRODUCT],
    feature: [["State", (row) => stateCell(row.place)], OF_PRODUCT],
    test: [["Counts as", testChip], ["End", (row) => day(row.at)], OF_PRODUCT],
    bug: [["Severity", (row) => row.severity], ["Outcome", outcome], ["Reported", (row) => day(row.reported_at)], ["Feature", (row) => linkTo("feature", row.feature_id)]],
  };
  const showSearch = (asked) => {
    const places = found(asked);
    if (!places) return { ...showStart(), title: "Search", statement: "Type words of a title, an id, or a key of your tracker." };
    const groups = Object.entries(places).filter(([, group]) => group.length);
    const counts = groups.map(([kind, group]) => counted(group.length, kind));
    return {
      title: "Search",
      statement: made("p", { className: "statement", role: "status" }, groups.length ? `${listed(counts)} with ` : "Nothing has ", isolated(`“${short(asked)}”`), groups.length ? "." : " in its title, id or tracker key. Try fewer or shorter words."),
      facts: [],
      parts: groups.flatMap(([kind, group]) => [
        heading(capital(KINDS[kind].many)),
        table(counted(group.length, kind), [[capital(kind), (row) => link(kind, row), (row) => nameOf(kind, row)], ...RESULT_COLUMNS[kind]], group.map((place) => rowAt(KINDS[kind].table, place))),
      ]),
    };
  };

  // -- the address ----------------------------------------------------------------------------------------------------

  const decoded = (text) => {
    try {
      return decodeURIComponent(text);
    } catch (error) {
      return text; // a lone % is a character of the words
    }
  };
  const wanted = () => {
    const address = window.location.hash.slice(1);
    if (!address) return showStart();
    if (address.startsWith("search=")) return showSearch(decoded(address.slice(7)));
    const [, kind, id] = address.match(/^([a-z]+)-(\d+)$/) || [];
    const place = Object.hasOwn(KINDS, kind || "") ? placeOf(kind, id) : undefined;
    return place === undefined ? showUnknown(decoded(address)) : showThing(kind, place);
  };

  // Each step for all tables at once: whoever asks for a width after a change has the page laid out anew.
  const fit = () => {
    const narrow = (regions) => regions.filter((region) => region.scrollWidth > region.clientWidth);
    const regions = [...view.querySelectorAll(".scroll")];
    regions.forEach((region) => { region.className = "scroll fits"; region.removeAttribute("tabindex"); });
    const tight = narrow(regions);
    tight.forEach((region) => region.classList.add("tight"));
    narrow(tight).forEach((region) => { region.classList.remove("fits"); region.tabIndex = 0; });
  };
  // A feature may be in several sections: they stand side by side.
  const path = (parts) => {
    const links = parts.map((part) => (Array.isArray(part) ? part.flatMap((one, place) => (place ? [", ", one] : [one])) : part))
      .filter((part) => (Array.isArray(part) ? part.length : part));
    if (!links.length) return "";
    const list = made("nav", { className: "path", ariaLabel: "Where this is" });
    links.forEach((part, place) => list.append(...(place ? [made("span", { ariaHidden: "true", textContent: " › " })] : []), ...[part].flat()));
    return list;
  };

  const show = (isFirst) => {
    const { title, kind, statement, state, facts: pairs, parts, path: above = [] } = wanted();
    const name = made("h1", { className: "name", tabIndex: -1 }, isolated(short(title, LONGEST_TEXT)));
    const answer = typeof statement === "string" ? paragraph(statement, "statement") : statement;
    const said = state ? [[null, chip(state)], ...pairs] : pairs;
    view.replaceChildren(...[path(above), name, answer, said.length ? facts(said) : "", ...parts].filter((part) => part !== ""));
    fit();
    document.title = kind ? `${kind}: ${short(title, 60)} – ${PAGE}` : title === HEADING ? PAGE : `${title} – ${PAGE}`;
    if (document.activeElement === input) return;
    const address = window.location.hash;
    input.value = address.startsWith("#search=") ? decoded(address.slice(8)) : "";
    if (isFirst) return;
    name.focus({ preventScroll: true });
    window.scrollTo(0, (window.history.state && window.history.state.top) || 0);
  };

  // The place on the page is kept with each address, so that going back leads to where one was.
  window.addEventListener("scrollend", () => window.history.replaceState({ top: window.scrollY }, ""));
  window.addEventListener("hashchange", () => show(false));
  window.addEventListener("resize", fit);
  // A search is one step back, however many letters were typed.
  input.addEventListener("input", () => {
    const address = `#search=${encodeURIComponent(input.value)}`;
    if (window.location.hash.startsWith("#search=")) window.location.replace(address);
    else window.location.hash = address;
  });
  input.form.addEventListener("submit", (event) => event.preventDefault());
  input.form.hidden = false;
  show(true);
  // What a search looks through is made ready while nobody waits for it.
  const later = window.requestIdleCallback || ((work) => setTimeout(work, 200));
  Object.keys(KINDS).forEach((kind) => later(() => phrasesOf(kind)));
})();
