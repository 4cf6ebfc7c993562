"use strict";

// Whatever comes from the server is shown as text; only addresses of the web become links.
const room = document.getElementById("room");
const log = document.getElementById("log");
const talk = document.getElementById("talk");
const form = document.getElementById("ask");
const question = document.getElementById("question");
const send = document.getElementById("send");
const file = document.getElementById("file");
const attach = document.getElementById("attach");
const chosen = document.getElementById("chosen");
const MOST_KEPT = 60;
const LOOK_EVERY_MS = 1500;
const invitation = question?.placeholder;
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
  const ending = file.name.split(".").at(-1);
  const kind = { mp4: "video", m4a: "audio", png: "img" }[ending];
  const type = { mp4: "video/mp4", m4a: "audio/mp4", png: "image/png" }[ending];
  const address = URL.createObjectURL(new Blob([bytes], type ? { type } : {}));
  const anchor = element("a", "", `⬇ ${file.name}`);
  anchor.href = address;
  anchor.download = file.name;
  if (!kind) return [anchor];
  if (kind === "img") {
    const picture = element("img", "picture");
    picture.src = address;
    picture.alt = file.description;
    return [picture];
  }
  const player = element(kind, "clip");
  player.controls = true;
  player.src = address;
  return [player, anchor];
}

function fill(turn, reply) {
  turn.replaceChildren(...reply.text.map(span));
  for (const file of reply.files ?? []) turn.append("\n", ...saved(file));
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
  add(where, reply, mine, card) {
    const turns = this.read(where);
    const turn = { mine, reply: { ...reply, files: [] }, card };
    const known = card ? turns.findIndex((other) => other.card === card) : -1;
    if (known < 0) turns.push(turn);
    else turns[known] = turn;
    this.write(`chronos ${where}`, turns.slice(-MOST_KEPT));
  },
  write(name, value) {
    try {
      sessionStorage.setItem(name, JSON.stringify(value));
    } catch {
      // A full or forbidden store only means that a reload forgets.
    }
  },
};

function request(said) {
  const headers = { Accept: "application/x-ndjson" };
  if (!said.file) {
    headers["Content-Type"] = "application/json";
    return { method: "POST", headers, body: JSON.stringify({ room: room.value, ...said }) };
  }
  const body = new FormData();
  for (const [name, value] of Object.entries({ room: room.value, ...said })) body.append(name, value);
  return { method: "POST", headers, body };
}

// A line holds what there is of a reply, the last one all of it.
async function last(body, growing) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error("the answer broke off");
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const said = JSON.parse(line);
      if (said.reply) return said.reply;
      growing(said.growing);
    }
  }
}

async function post(said, growing = () => {}) {
  try {
    const response = await fetch("/chat", request(said));
    if (response.ok) return await last(response.body, growing);
    return { text: [[(await response.json()).error, "plain", ""]], wrong: true };
  } catch {
    return { text: [["Chronos does not answer. Is it still running? Ask again once it is.", "plain", ""]], wrong: true };
  }
}

function busy(state) {
  waiting = state;
  send.disabled = state;
}

async function ask(text, attached) {
  if (waiting || !(text.trim() || attached)) return;
  const where = room.value;
  const words = [attached && `📎 ${attached.name}`, text.trim()].filter(Boolean).join("\n");
  const asked = { text: [[words, "plain", ""]] };
  kept.add(where, asked, true);
  shown(asked, true);
  busy(true);
  const turn = shown({ text: [] }, false);
  turn.append(element("span", "waiting", attached || text.startsWith("/") ? "Working" : "Searching the videos"));
  scrollTo(turn);
  const reply = await post(attached ? { text, file: attached } : { text }, (beginning) => {
    if (where !== room.value) return;
    fill(turn, beginning);
    scrollTo(turn);
  });
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

// Status cards change where they stand; the newest change seen is kept, so that a reload shows none twice.
async function look() {
  const where = room.value;
  const seen = `chronos news ${where}`;
  if (document.hidden) return;
  try {
    const after = JSON.parse(sessionStorage.getItem(seen)) ?? 0;
    const response = await fetch(`/news?${new URLSearchParams({ room: where, after })}`);
    if (!response.ok) return;
    for (const { number, id, reply } of await response.json()) {
      kept.write(seen, number);
      kept.add(where, reply, false, id);
      if (where === room.value) place(id, reply);
    }
  } catch {
    // The next look may find it; a question says in words that nothing answers.
  }
}

function place(id, reply) {
  const standing = [...log.children].find((turn) => turn.dataset.card === id);
  const turn = standing ?? shown(reply, false);
  turn.dataset.card = id;
  if (standing) fill(turn, reply);
  else scrollTo(turn);
}

function choose() {
  const [picked] = file.files;
  chosen.hidden = !picked;
  question.required = !picked;
  question.placeholder = picked ? "Its title and its link, or nothing" : invitation;
  if (!picked) return;
  const most = Number(file.dataset.mostBytes);
  const tooLarge = picked.size > most;
  const words = `${picked.name} has ${(picked.size / 1e6).toFixed(1)} MB; at most ${(most / 1e6).toFixed(0)} MB are taken.`;
  chosen.querySelector("span").textContent = tooLarge ? words : `📎 ${picked.name}`;
  if (tooLarge) {
    file.value = "";
    question.placeholder = invitation;
  }
  question.required = tooLarge;
  question.focus();
}

function enter() {
  document.body.classList.remove("talking");
  for (const welcome of document.querySelectorAll(".welcome[data-room]")) {
    welcome.hidden = welcome.dataset.room !== room.value;
  }
  log.replaceChildren();
  let last;
  for (const { reply, mine, card } of kept.read(room.value)) {
    last = shown(reply, mine);
    if (card) last.dataset.card = card;
  }
  if (last) scrollTo(last);
}

if (room && form) {
  room.parentElement.hidden = room.options.length < 2;
  room.addEventListener("change", enter);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (waiting) return;
    const text = question.value;
    const [attached] = file.files;
    question.value = "";
    file.value = "";
    choose();
    ask(text, attached);
  });
  attach.addEventListener("click", () => file.click());
  file.addEventListener("change", choose);
  chosen.querySelector("button").addEventListener("click", () => {
    file.value = "";
    choose();
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
  look();
  setInterval(look, LOOK_EVERY_MS);
  question.focus();
}
