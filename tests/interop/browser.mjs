#!/usr/bin/env node
// Two browser windows exchange chat messages through the running demo.
//
//   tests/interop/browser.mjs https://mattermost.localhost:8443/ chat.png
//
// Opens the chat in two windows of a headless Chromium with separate storage and connections, sends a message from
// each, and expects both messages in both windows. Saves a screenshot of the second window. Exits with 0 when all of
// this happened, with 1 and the reason when it did not, and with 2 when Chromium did not work; within a minute in
// each case.
//
// Needs Node 18 or newer and Chromium, nothing else: it controls Chromium through a pipe. It ignores certificate
// errors, because the demo generates its certificates; other judges verify them. CHROMIUM names another browser.

import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

// Milliseconds.
const DEADLINE = 60_000;
const STOPPING = 3_000;
const POLL = 50;
// Characters.
const LOG_LENGTH = 2_000;

const FAILED = 1;
const TOOL_FAILED = 2;

/** Chromium did not work. This is no statement about the demo. */
class ToolError extends Error {}

/** A Chromium controlled through a pair of pipes: JSON messages, each followed by a NUL byte. */
class Browser {
  #process;
  #profile;
  #ended;
  #failure;
  // The end of what Chromium wrote to standard error. It is shown only if Chromium ends by itself, because a Chromium
  // that works writes errors about its machine too (D-Bus, GPU).
  #log = "";
  #waiting = new Map();
  #lastId = 0;

  static async start() {
    const browser = new Browser();
    browser.#profile = await mkdtemp(join(tmpdir(), "gatepost-chat-"));
    browser.#process = spawn(process.env.CHROMIUM ?? "chromium", browser.#arguments(), {
      stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"],
      detached: true,
    });
    browser.#ended = new Promise((resolve) => {
      browser.#process.once("close", () => resolve(`Chromium ended:\n${browser.#log}`));
      browser.#process.once("error", (error) => resolve(`cannot start Chromium: ${error.message}`));
    });
    browser.#failure = browser.#ended.then((reason) => Promise.reject(new ToolError(reason)));
    browser.#failure.catch(() => {});
    browser.#listen();
    return browser;
  }

  /** Sends a command of the DevTools protocol and waits for its result. */
  command(method, params = {}, sessionId = undefined) {
    const id = ++this.#lastId;
    const result = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#process.stdio[3]?.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return Promise.race([result, this.#failure]);
  }

  /** Opens a window with its own storage and connections at `address`. */
  async open(address) {
    const { browserContextId } = await this.command("Target.createBrowserContext");
    const { targetId } = await this.command("Target.createTarget", { url: "about:blank", browserContextId });
    const { sessionId } = await this.command("Target.attachToTarget", { targetId, flatten: true });
    const window = new Window(this, sessionId);
    await window.load(address);
    return window;
  }

  /** Stops Chromium with all its processes, which form a process group. */
  async stop() {
    this.command("Browser.close").catch(() => {});
    const timer = setTimeout(() => this.#killGroup(), STOPPING);
    await this.#ended;
    clearTimeout(timer);
    this.#killGroup();
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  #killGroup() {
    try {
      process.kill(-this.#process.pid, "SIGKILL");
    } catch {
      // No process of the group is left, or Chromium did not start.
    }
  }

  #arguments() {
    // The sandbox of Chromium does not work for root.
    const asRoot = process.getuid() === 0 ? ["--no-sandbox"] : [];
    return [
      "--headless",
      "--remote-debugging-pipe",
      `--user-data-dir=${this.#profile}`,
      "--ignore-certificate-errors",
      "--window-size=1100,720",
      "--disable-gpu",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--disable-breakpad",
      ...asRoot,
    ];
  }

  #listen() {
    const [commands, results] = [this.#process.stdio[3], this.#process.stdio[4]];
    // A broken pipe means that Chromium ended, which `#ended` reports.
    for (const pipe of [commands, results]) pipe?.on("error", () => {});
    this.#process.stderr?.setEncoding("utf8").on("data", (piece) => {
      this.#log = (this.#log + piece).slice(-LOG_LENGTH);
    });
    let rest = "";
    results?.setEncoding("utf8").on("data", (piece) => {
      const complete = (rest + piece).split("\0");
      rest = complete.pop();
      for (const message of complete) this.#settle(JSON.parse(message));
    });
  }

  #settle({ id, result, error }) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(new Error(error.message));
    else waiting?.resolve(result);
  }
}

/** One window with the chat in it. */
class Window {
  #browser;
  #session;

  constructor(browser, session) {
    this.#browser = browser;
    this.#session = session;
  }

  async load(address) {
    const { errorText } = await this.#command("Page.navigate", { url: address });
    if (errorText) throw new Error(`cannot load ${address}: ${errorText}`);
  }

  async evaluate(expression) {
    const { result, exceptionDetails } = await this.#command("Runtime.evaluate", { expression, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Waits until `expression` is true in the page, at most until the deadline of the whole test. */
  async until(expression, what) {
    waitingFor = what;
    while (!(await this.evaluate(`Boolean(${expression})`))) {
      await new Promise((resolve) => setTimeout(resolve, POLL));
    }
  }

  async waitForConnection(which) {
    const isOpen = `document.documentElement?.dataset.connection === "open"`;
    await this.until(isOpen, `the connection of the ${which} window`);
  }

  /** Types a message into the fields of the page and presses Enter. */
  async send(name, text) {
    await this.#type("#name", name);
    await this.#type("#text", text);
    const enter = { key: "Enter", code: "Enter", windowsVirtualKeyCode: 13, text: "\r" };
    await this.#command("Input.dispatchKeyEvent", { type: "keyDown", ...enter });
    await this.#command("Input.dispatchKeyEvent", { type: "keyUp", ...enter });
  }

  async shows(text, what) {
    const texts = `[...document.querySelectorAll("#messages .text")].map((it) => it.textContent)`;
    await this.until(`${texts}.includes(${JSON.stringify(text)})`, what);
  }

  async screenshot() {
    const { data } = await this.#command("Page.captureScreenshot", { format: "png" });
    return Buffer.from(data, "base64");
  }

  async #type(field, text) {
    await this.evaluate(`document.querySelector("${field}").select()`);
    await this.#command("Input.insertText", { text });
  }

  #command(method, params) {
    return this.#browser.command(method, params, this.#session);
  }
}

async function exchangeMessages(browser, address, picture) {
  const first = await browser.open(address);
  const second = await browser.open(address);
  await first.waitForConnection("first");
  await second.waitForConnection("second");

  const run = randomUUID().slice(0, 8);
  const hello = `Hello from the first window (${run})`;
  await first.send("Ada", hello);
  await second.shows(hello, "the message of the first window in the second window");
  await first.shows(hello, "the message of the first window in the first window");

  const reply = `<b>Hello</b> back from the second (${run})`;
  await second.send("Grace", reply);
  await first.shows(reply, "the message of the second window in the first window");
  await second.shows(reply, "the message of the second window in the second window");

  await writeFile(picture, await second.screenshot());
}

/** The condition that `until` waits for, for the message at the deadline. */
let waitingFor = "the start of Chromium";

const [address, picture] = process.argv.slice(2);
if (!address || !picture) {
  console.error("usage: browser.mjs https://mattermost.localhost:PORT/ OUT.png");
  process.exit(TOOL_FAILED);
}

const browser = await Browser.start();
const deadline = new Promise((_, reject) => {
  const expire = () => reject(new Error(`timed out after ${DEADLINE / 1000} s, waiting for ${waitingFor}`));
  setTimeout(expire, DEADLINE).unref();
});
try {
  await Promise.race([exchangeMessages(browser, address, picture), deadline]);
  console.log(`chat: two windows at ${address} received each other's messages; screenshot in ${picture}`);
} catch (error) {
  console.error(`chat: ${error.message}`);
  process.exitCode = error instanceof ToolError ? TOOL_FAILED : FAILED;
} finally {
  await browser.stop();
}
