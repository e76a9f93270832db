"use strict";
// Sorting and filtering of one table; without this script the table is complete and in its first order.
(() => {
  const table = document.querySelector("table.sortable");
  if (!table) return;
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  const form = document.querySelector("form.filters");
  const order = form.querySelector("[name=order]");
  const counted = document.querySelector("#counted");
  const empty = document.querySelector("#none-left");
  form.hidden = false;

  const valueOf = (row, column) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();

  function compare(first, second) {
    if (first === "" || second === "") return null;
    const [a, b] = [Number(first), Number(second)];
    return Number.isNaN(a) || Number.isNaN(b) ? first.localeCompare(second, "en", { numeric: true }) : a - b;
  }

  // Cells without a value stay at the end in both directions.
  function sort(column, direction) {
    const sign = direction === "descending" ? -1 : 1;
    const rows = [...body.rows].sort((one, other) => {
      const [first, second] = [valueOf(one, column), valueOf(other, column)];
      const result = compare(first, second);
      return result === null ? (first === "") - (second === "") : sign * result;
    });
    body.append(...rows);
    headings.forEach((heading, index) => heading.setAttribute("aria-sort", index === column ? direction : "none"));
    order.value = `${column} ${direction}`;
  }

  headings.forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => {
      const first = heading.dataset.first;
      const other = first === "ascending" ? "descending" : "ascending";
      sort(column, heading.getAttribute("aria-sort") === first ? other : first);
    });
  });

  order.addEventListener("change", () => {
    const [column, direction] = order.value.split(" ");
    sort(Number(column), direction);
  });

  function filter() {
    const words = form.elements.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = [...form.querySelectorAll("select[data-filter]")].filter((select) => select.value !== "");
    let shown = 0;
    for (const row of body.rows) {
      const text = row.textContent.toLowerCase();
      const fits = words.every((word) => text.includes(word))
        && chosen.every((select) => row.dataset[select.dataset.filter] === select.value);
      row.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    counted.textContent = `${shown} of ${body.rows.length} versions`;
    empty.hidden = shown > 0;
  }

  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();
})();
