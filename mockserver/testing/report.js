"use strict";
const tests = document.getElementById("tests");
const buttons = [...document.querySelectorAll(".test")];

function open(button, isOpen) {
  button.setAttribute("aria-expanded", isOpen);
  document.getElementById(button.getAttribute("aria-controls")).hidden = !isOpen;
}

// Numbers are sorted with the largest first, texts from A to Z; asked for once more, the other way round.
function sort(head) {
  const isNumber = head.classList.contains("number");
  const [first, second] = isNumber ? ["descending", "ascending"] : ["ascending", "descending"];
  const order = head.getAttribute("aria-sort") === first ? second : first;
  for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", order);
  const value = (body) => body.rows[0].cells[head.cellIndex].dataset.value;
  const compare = isNumber ? (a, b) => a - b : (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const sign = order === "ascending" ? 1 : -1;
  tests.append(...[...tests.tBodies].sort((a, b) => compare(value(a), value(b)) * sign));
}

for (const button of buttons) {
  button.addEventListener("click", () => open(button, button.getAttribute("aria-expanded") !== "true"));
}
for (const head of tests.tHead.rows[0].cells) head.firstChild.addEventListener("click", () => sort(head));
document.getElementById("all").addEventListener("click", () => {
  const isOpen = buttons.some((button) => button.getAttribute("aria-expanded") !== "true");
  for (const button of buttons) open(button, isOpen);
});
