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
