// The box for a text of the reader's own: every tokenizer of the page encodes it as it is typed.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("live-data").textContent);
  const box = document.getElementById("live-text"), out = document.getElementById("live-out");
  const LONGEST = 100000, MOST_CHIPS = 10000;

  const unpacked = async (packed) => {
    const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  };
  const served = (name) => async (text) => {
    const answer = await fetch("encode", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ tokenizer: name, text }),
    });
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.error);
    return Object.assign(body.tokens, { count: body.count });
  };
  const made = (name, className, words) => {
    const element = document.createElement(name);
    if (className) element.className = className;
    if (words !== undefined) element.textContent = words;
    return element;
  };
  // What is no mark on paper, or turns the order of what is read, shows as an escape, as elsewhere on the page.
  const escaped = (words) => words.replace(/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, (c) => {
    const code = c.codePointAt(0), wide = code < 0x100 ? 2 : code < 0x10000 ? 4 : 8;
    return `\\${{ 2: "x", 4: "u", 8: "U" }[wide]}${code.toString(16).padStart(wide, "0")}`;
  });
  const chip = ({ token, id, kind, text, partial, details }) => {
    const element = made("span", `chip ${kind || (partial ? "partial" : "")}`);
    element.setAttribute("role", "listitem");
    element.tabIndex = -1;  // the strip is one stop of Tab; arrows go through it
    element.style.setProperty("--hue", String(((id ?? 0) * 47) % 360));
    element.dataset.details = details ?? `${token} has id ${id}${partial ? "; a part of a character, its bytes in hex" : ""}`;
    element.append(made("span", "text", escaped(text)), made("small", "", String(id)));
    return element;
  };

  const start = async () => {
    const readers = [];
    for (const { name, packed } of data.tokenizers) {
      const area = made("div", "live-one");
      const title = made("h3", "", name), count = made("p"), chips = made("div", "chips");
      chips.setAttribute("role", "list");
      chips.setAttribute("aria-label", `tokens of ${name}`);
      area.append(title, count, chips);
      out.append(area);
      try {
        readers.push({ encode: packed ? tokbenchEncoder(await unpacked(packed)) : served(name), count, chips });
      } catch (problem) {
        count.textContent = `Not shown live: ${problem.message}.`;
      }
    }
    let turn = 0;
    const show = async () => {
      const mine = ++turn, text = box.value.slice(0, LONGEST);
      const characters = Array.from(text).length;
      for (const { encode, count, chips } of readers) {
        try {
          const tokens = await encode(text);
          if (mine !== turn) return;
          const bytes = new TextEncoder().encode(text).length;
          const all = tokens.count ?? tokens.length, drawn = tokens.slice(0, MOST_CHIPS);
          count.textContent = `${all} tokens, ${characters} characters, ${bytes} bytes`
            + (drawn.length < all ? `; the first ${drawn.length} are drawn` : "");
          chips.replaceChildren(...drawn.map(chip));
          if (chips.firstChild) chips.firstChild.tabIndex = 0;
        } catch (problem) {
          if (mine !== turn) return;
          count.textContent = `Cannot be encoded: ${problem.message}.`;
          chips.replaceChildren();
        }
      }
      document.body.dataset.live = "ready";
    };
    let waiting;
    box.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(show, 60); });
    box.value = data.text;
    await show();
  };
  start();
})();
