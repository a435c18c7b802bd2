(() => {
  "use strict";
  const root = document.documentElement;
  const scheme = document.getElementById("scheme");
  scheme.addEventListener("click", () => {
    const dark = root.classList.contains("dark") ||
      (!root.classList.contains("light") && matchMedia("(prefers-color-scheme: dark)").matches);
    root.classList.remove("dark", "light");
    root.classList.add(dark ? "light" : "dark");
    scheme.setAttribute("aria-pressed", String(!dark));
  });

  // A column sorts by number where every cell is one, by words otherwise.
  const number = (words) => {
    const bare = words.replace(/[,%\s]/g, "");
    return bare === "" || bare === "–" ? -Infinity : Number(bare);
  };
  for (const button of document.querySelectorAll("table.sortable th button")) {
    button.addEventListener("click", () => {
      const head = button.closest("th");
      const body = head.closest("table").tBodies[0];
      const up = head.getAttribute("aria-sort") !== "ascending";
      const rows = Array.from(body.rows);
      const cell = (row) => row.cells[head.cellIndex].textContent;
      const counted = rows.every((row) => !Number.isNaN(number(cell(row))));
      const order = (a, b) => counted
        ? number(cell(a)) - number(cell(b)) || 0
        : cell(a).localeCompare(cell(b));
      rows.sort((a, b) => (up ? order(a, b) : order(b, a)));
      body.append(...rows);
      for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
    });
  }

  // What is pointed at, or reached by keyboard, is said in words.
  const pointed = document.getElementById("pointed");
  const say = (event) => {
    const chip = event.target.closest ? event.target.closest(".chip") : null;
    if (chip) pointed.textContent = chip.dataset.details || chip.textContent;
  };
  document.addEventListener("mouseover", say);
  document.addEventListener("focusin", say);
  document.addEventListener("keydown", (event) => {
    const chip = document.activeElement;
    if (!chip || !chip.classList.contains("chip")) return;
    const all = chip.parentNode;
    const next = {
      ArrowRight: chip.nextElementSibling, ArrowLeft: chip.previousElementSibling,
      Home: all.firstElementChild, End: all.lastElementChild,
    }[event.key];
    if (!next) return;
    chip.tabIndex = -1;  // Tab comes back to where the reader was, and leaves the strip from there
    next.tabIndex = 0;
    next.focus();
    event.preventDefault();
  });
})();
