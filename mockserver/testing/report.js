"use strict";
const tests = document.getElementById("tests");
const buttons = [...document.querySelectorAll(".test")];

function open(button, isOpen) {
  button.setAttribute("aria-expanded", isOpen);
  document.getElementById(button.getAttribute("aria-controls")).hidden = !isOpen;
}

function sort(head) {
  const isDown = head.getAttribute("aria-sort") !== "descending";
  for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
  const value = (body) => body.rows[0].cells[head.cellIndex].dataset.value;
  const compare = head.classList.contains("number") ? (a, b) => a - b : (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const sorted = [...tests.tBodies].sort((a, b) => compare(value(a), value(b)) * (isDown ? -1 : 1));
  tests.append(...sorted);
}

for (const button of buttons) {
  button.addEventListener("click", () => open(button, button.getAttribute("aria-expanded") !== "true"));
}
for (const head of tests.tHead.rows[0].cells) head.firstChild.addEventListener("click", () => sort(head));
document.getElementById("all").addEventListener("click", () => {
  const isOpen = buttons.some((button) => button.getAttribute("aria-expanded") !== "true");
  for (const button of buttons) open(button, isOpen);
});
