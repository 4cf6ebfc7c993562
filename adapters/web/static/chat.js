"use strict";

// Whatever comes from the server is shown as text; only addresses of the web become links.
const room = document.getElementById("room");
const log = document.getElementById("log");
const talk = document.getElementById("talk");
const form = document.getElementById("ask");
const question = document.getElementById("question");
const send = document.getElementById("send");
const MOST_KEPT = 60;
let waiting = false;

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function isWebAddress(address) {
  return /^https?:\/\//i.test(address) || (address.startsWith("/") && !address.startsWith("//"));
}

function span([text, style, address]) {
  const tags = { bold: "strong", italic: "em", code: "code" };
  if (!address || !isWebAddress(address)) {
    return style in tags ? element(tags[style], "", text) : document.createTextNode(text);
  }
  const anchor = element("a", /^\[?[\d:]+\]?$/.test(text) ? "chip" : "", text);
  anchor.href = address;
  anchor.target = "_blank";
  anchor.rel = "noopener noreferrer";
  return anchor;
}

function pressable(button, turn) {
  const [label, action, payload, tone] = button;
  const made = element("button", `press ${tone}`, label);
  made.type = "button";
  const spoken = { "👍": "This helped", "👎": "This did not help" }[label];
  if (spoken) made.setAttribute("aria-label", spoken);
  made.addEventListener("click", () => press(`${action}:${payload}`, made, turn));
  return made;
}

function saved(file) {
  const bytes = Uint8Array.from(atob(file.base64), (character) => character.charCodeAt(0));
  const anchor = element("a", "", `⬇ ${file.name}`);
  anchor.href = URL.createObjectURL(new Blob([bytes]));
  anchor.download = file.name;
  return anchor;
}

function fill(turn, reply) {
  turn.replaceChildren(...reply.text.map(span));
  for (const file of reply.files ?? []) turn.append("\n", saved(file));
  for (const row of reply.buttons ?? []) {
    const presses = element("div", "presses");
    presses.append(...row.map((button) => pressable(button, turn)));
    turn.append(presses);
  }
}

function shown(reply, mine) {
  const turn = element("li", mine ? "turn mine" : "turn theirs");
  fill(turn, reply);
  log.append(turn);
  document.body.classList.add("talking");
  return turn;
}

function scrollTo(turn) {
  const tall = turn.offsetHeight > talk.clientHeight * 0.8;
  turn.scrollIntoView({ block: tall ? "start" : "nearest" });
}

// The conversation stays in this tab only, also over a reload.
const kept = {
  read(where) {
    try {
      return JSON.parse(sessionStorage.getItem(`chronos ${where}`)) ?? [];
    } catch {
      return [];
    }
  },
  add(where, reply, mine) {
    const turns = [...this.read(where), { mine, reply: { ...reply, files: [] } }];
    try {
      sessionStorage.setItem(`chronos ${where}`, JSON.stringify(turns.slice(-MOST_KEPT)));
    } catch {
      // A full or forbidden store only means that a reload forgets.
    }
  },
};

async function post(said) {
  try {
    const response = await fetch("/chat", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ room: room.value, ...said }),
    });
    const reply = await response.json();
    return response.ok ? reply : { text: [[reply.error, "plain", ""]], wrong: true };
  } catch {
    return { text: [["Chronos does not answer. Is it still running? Ask again once it is.", "plain", ""]], wrong: true };
  }
}

function busy(state) {
  waiting = state;
  send.disabled = state;
}

async function ask(text) {
  if (waiting || !text.trim()) return;
  const where = room.value;
  const asked = { text: [[text.trim(), "plain", ""]] };
  kept.add(where, asked, true);
  shown(asked, true);
  busy(true);
  const turn = shown({ text: [] }, false);
  turn.append(element("span", "waiting", text.startsWith("/") ? "Working" : "Searching the videos"));
  scrollTo(turn);
  const reply = await post({ text });
  busy(false);
  if (!reply.wrong) kept.add(where, reply, false);
  if (where !== room.value) return;
  fill(turn, reply);
  turn.classList.toggle("wrong", Boolean(reply.wrong));
  scrollTo(turn);
}

async function press(button, pressed, turn) {
  if (waiting) return;
  busy(true);
  pressed.disabled = true;
  const reply = await post({ button });
  busy(false);
  pressed.disabled = false;
  if (reply.replaces) {
    fill(turn, reply);
    return;
  }
  for (const other of turn.querySelectorAll(".press")) other.setAttribute("aria-pressed", String(other === pressed));
  const answer = shown(reply, false);
  answer.classList.toggle("wrong", Boolean(reply.wrong));
  scrollTo(answer);
}

function enter() {
  document.body.classList.remove("talking");
  for (const welcome of document.querySelectorAll(".welcome[data-room]")) {
    welcome.hidden = welcome.dataset.room !== room.value;
  }
  log.replaceChildren();
  let last;
  for (const { reply, mine } of kept.read(room.value)) last = shown(reply, mine);
  if (last) scrollTo(last);
}

if (room && form) {
  room.parentElement.hidden = room.options.length < 2;
  room.addEventListener("change", enter);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (waiting) return;
    const text = question.value;
    question.value = "";
    ask(text);
  });
  question.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  for (const example of document.querySelectorAll(".example")) {
    example.addEventListener("click", () => ask(example.textContent));
  }
  enter();
  question.focus();
}
