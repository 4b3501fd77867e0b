// Functions of the page of the demo GitLab: upload, count events, read a slow response line by line.

const find = (id) => document.getElementById(id);

showProtocol();
uploadInBackground();
countEventsWhileVisible();
readSlowResponseOnDemand();

function showProtocol() {
  const names = { "http/1.1": "HTTP/1.1", h2: "HTTP/2", h3: "HTTP/3" };
  const [navigation] = performance.getEntriesByType("navigation");
  const name = names[navigation?.nextHopProtocol];
  if (!name) return;
  find("protocol").querySelector("b").textContent = name;
  find("protocol").hidden = false;
}

// The file itself is the request body, without multipart encoding, so that the two counts can be compared.
function uploadInBackground() {
  const [form, result] = [find("upload"), find("upload-result")];
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const [file] = find("file").files;
    const button = form.querySelector("button");
    button.disabled = true;
    result.textContent = `Sending ${bytes(file.size)} …`;
    try {
      const response = await fetch(form.action, {
        method: "POST",
        headers: { accept: "application/json" },
        body: file,
      });
      result.textContent = response.ok
        ? comparison(file.size, (await response.json()).body)
        : `Rejected with ${response.status} ${response.statusText}`;
    } catch (error) {
      result.textContent = `The upload failed: ${error.message}`;
    } finally {
      button.disabled = false;
    }
  });
}

function comparison(sent, counted) {
  return counted.bytes === sent
    ? `All ${bytes(sent)} received in ${counted.milliseconds || "less than 1"} ms.`
    : `Sent ${bytes(sent)}, but the application counted ${bytes(counted.bytes)}.`;
}

function bytes(count) {
  return `${count.toLocaleString("en")} ${count === 1 ? "byte" : "bytes"}`;
}

// A hidden page closes its connection, because over HTTP/1.1 a browser opens only six per host.
function countEventsWhileVisible() {
  const [count, state] = [find("count"), find("count-state")];
  let source = null;
  const follow = () => {
    source?.close();
    source = null;
    if (document.hidden) return;
    state.textContent = "Connecting …";
    source = new EventSource("/events");
    source.onopen = () => (state.textContent = "Connected");
    source.onmessage = (event) => (count.textContent = event.data);
    source.onerror = () => (state.textContent = "Connection lost. Reconnecting …");
  };
  document.addEventListener("visibilitychange", follow);
  follow();
}

function readSlowResponseOnDemand() {
  const [button, list] = [find("slow"), find("slow-lines")];
  button.addEventListener("click", async () => {
    button.disabled = true;
    list.replaceChildren();
    try {
      await readLines("/slow", (line, seconds) => list.append(timedLine(line, seconds)));
    } catch (error) {
      list.append(timedLine(`The response was aborted: ${error.message}`));
    } finally {
      button.disabled = false;
    }
  });
}

async function readLines(address, each) {
  const start = performance.now();
  const response = await fetch(address);
  let rest = "";
  for (const reader = response.body.pipeThrough(new TextDecoderStream()).getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) each(line, (performance.now() - start) / 1000);
  }
}

function timedLine(text, seconds) {
  const item = document.createElement("li");
  item.append(text);
  if (seconds !== undefined) {
    const time = document.createElement("span");
    time.className = "soft";
    time.textContent = `after ${seconds.toFixed(2)} s`;
    item.append(time);
  }
  return item;
}
