// The page of the demo chat: one WebSocket, which is reopened when it closes, and its messages.
// Received messages are inserted as text, never as markup.

const find = (id) => document.getElementById(id);
const messages = find("messages");
const nameField = find("name");
const textField = find("text");

let socket = null;
let failures = 0;
let retry = null;
let newest = { at: 0, name: "" };

nameField.value = sessionStorage.getItem("name") ?? suggestedName();
nameField.addEventListener("change", () => sessionStorage.setItem("name", nameField.value.trim()));
find("composer").addEventListener("submit", send);
addEventListener("online", connect);
connect();
textField.focus();

function connect() {
  if (socket && socket.readyState <= WebSocket.OPEN) return;
  clearTimeout(retry);
  show("connecting", failures ? "Reconnecting …" : "Connecting …");
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  socket = new WebSocket(`${scheme}//${location.host}/api/v4/websocket`);
  socket.onmessage = (event) => receive(JSON.parse(event.data));
  socket.onclose = reconnectLater;
}

// Reconnects after 0.5 s, then after twice as long each time, up to 15 s. The random part prevents that many windows
// that were disconnected together reconnect at the same instant.
function reconnectLater(event) {
  const wait = Math.min(15000, 500 * 2 ** failures) * (0.75 + Math.random() / 2);
  failures += 1;
  show("waiting", "Connection lost");
  if (event.reason) warn(`The application closed the connection: ${event.reason}.`);
  retry = setTimeout(connect, wait);
}

function receive({ welcome, message, online }) {
  if (welcome) {
    failures = 0;
    for (const entry of welcome.history) append(entry);
    showOnline(welcome.online);
    // A screen reader reads new messages, but not the history.
    setTimeout(() => (find("log").ariaLive = "polite"), 1000);
  }
  if (message) append(message);
  if (online) showOnline(online);
}

function send(event) {
  event.preventDefault();
  const [name, text] = [nameField.value.trim(), textField.value.trim()];
  if (!name || !text || socket.readyState !== WebSocket.OPEN) return;
  socket.send(JSON.stringify({ name, text }));
  warn("");
  textField.value = "";
  textField.focus();
  find("scroll").scrollTop = 0;
}

function append({ name, text, at }) {
  // After a reconnect the history contains messages that are shown already.
  if (at <= newest.at) return;
  const follows = name === newest.name && at - newest.at < 120000;
  messages.append(messageItem(name, text, new Date(at), follows));
  while (messages.childElementCount > 500) dropOldest();
  newest = { at, name };
}

function dropOldest() {
  messages.firstElementChild.remove();
  messages.firstElementChild.classList.remove("follows");
}

function messageItem(name, text, when, follows) {
  const item = element("li", follows ? "message follows" : "message");
  const avatar = element("span", "avatar", [...name][0].toUpperCase());
  avatar.ariaHidden = "true";
  avatar.style.setProperty("--hue", hue(name));
  const head = element("p", "head");
  const time = element("time", "", when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  time.dateTime = when.toISOString();
  head.append(element("span", "name", name), time);
  item.append(avatar, head, element("p", "text", text));
  return item;
}

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

// A name has the same colour in every window.
function hue(name) {
  return [...name].reduce((sum, character) => (sum * 31 + character.codePointAt(0)) % 360, 7);
}

function suggestedName() {
  const trees = ["Alder", "Ash", "Beech", "Birch", "Cedar", "Elm", "Hazel", "Larch", "Maple", "Oak", "Rowan", "Yew"];
  const pick = (count) => Math.floor(Math.random() * count);
  return `${trees[pick(trees.length)]} ${10 + pick(90)}`;
}

function showOnline(count) {
  show("open", `${count} online`);
}

// Without a connection the text stays in its field: a form whose button is disabled is not submitted.
function show(connection, words) {
  find("send").disabled = connection !== "open";
  document.documentElement.dataset.connection = connection;
  find("state").textContent = words;
}

function warn(words) {
  find("notice").textContent = words;
  find("notice").hidden = !words;
}
