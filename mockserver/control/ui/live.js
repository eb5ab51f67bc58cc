"use strict";
const MOST_ROWS = 500;
const content = document.getElementById("content");
const state = document.getElementById("state");
const rows = document.querySelector("#requests tbody");
const source = new EventSource(`${content.dataset.stream}?after=${encodeURIComponent(content.dataset.after)}`);
let waiting = null;

function say(text, tone) {
  state.textContent = text;
  state.className = `badge ${tone}`;
}

// The server draws what is above the list; it is asked for anew when something has changed.
async function refresh() {
  waiting = null;
  const answer = await fetch(location.href);
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.getElementById("overview").replaceWith(fresh.getElementById("overview"));
}

function changed() {
  waiting ??= setTimeout(refresh, 500);
}

function usd(micro) {
  const [whole, fraction] = (Math.abs(micro) / 1e6).toFixed(6).split(".");
  return `${micro < 0 ? "-" : ""}$${whole}.${fraction.replace(/0{1,4}$/, "")}`;
}

function add(request) {
  const row = document.getElementById("row").content.firstElementChild.cloneNode(true);
  const [status, operation, cost, at, fault, idempotency] = row.cells;
  at.firstChild.textContent = request.at.replace("T", " ").replace("Z", "");
  at.firstChild.dateTime = at.firstChild.title = request.at;
  operation.firstChild.textContent = request.operation ?? `${request.method} ${request.path}`;
  operation.firstChild.href += request.seq;
  const badge = status.firstChild;
  badge.textContent = request.status ?? "cut";
  const tone = request.status === null || request.status >= 500 ? "bad" : request.status >= 400 ? "warn" : "good";
  badge.className = `badge ${tone}`;
  cost.textContent = usd(request.cost_micro_usd);
  fault.textContent = request.fault ?? "";
  idempotency.textContent = request.idempotency ?? "";
  row.className = "new";
  rows.prepend(row);
  if (rows.rows.length > MOST_ROWS) rows.lastElementChild.remove();
}

source.addEventListener("open", () => say("live", "good"));
source.addEventListener("error", () => say(source.readyState === EventSource.CLOSED ? "not live" : "reconnecting", "warn"));
source.addEventListener("request", (event) => {
  add(JSON.parse(event.data));
  changed();
});
for (const name of ["clock", "credits", "faults", "scenario"]) source.addEventListener(name, changed);
source.addEventListener("reset", () => location.reload());
source.addEventListener("end", (event) => {
  source.close();
  clearTimeout(waiting);
  if (JSON.parse(event.data).reason === "deleted") say("this world was deleted", "bad");
  else location.reload();
});
