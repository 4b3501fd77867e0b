#!/usr/bin/env node
// Two browser windows talk to each other through the running demo.
//
//   .ci/chat.mjs https://mattermost.localhost:8443/ chat.png
//
// Opens the chat in two windows of a headless Chromium that share nothing, has each say something,
// and expects both texts in both windows. Saves a picture of the second window. Ends with 0 when all
// of it happened, with 1 and the reason when not, and within a minute either way.
//
// Needs Node 18 or newer and Chromium, nothing else: Chromium is driven over its own pipe. Certificate
// errors are ignored, because the demo's certificates are thrown away with it; checking them is the
// business of other tests. CHROMIUM names another browser binary.

import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const DEADLINE = 60_000;
const STOPPING = 3_000;
const POLL = 50;

/** A Chromium that is driven over a pair of pipes: JSON messages, each ended by a NUL byte. */
class Browser {
  #process;
  #profile;
  #gone;
  #failure;
  #waiting = new Map();
  #lastId = 0;

  static async start() {
    const browser = new Browser();
    browser.#profile = await mkdtemp(join(tmpdir(), "gatepost-chat-"));
    browser.#process = spawn(process.env.CHROMIUM ?? "chromium", browser.#arguments(), {
      stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
      detached: true,
    });
    browser.#gone = new Promise((resolve) => {
      browser.#process.once("exit", () => resolve("Chromium ended"));
      browser.#process.once("error", (error) => resolve(`Chromium does not start: ${error.message}`));
    });
    browser.#failure = browser.#gone.then((why) => Promise.reject(new Error(why)));
    browser.#failure.catch(() => {});
    browser.#listen();
    return browser;
  }

  /** Sends one command of the DevTools protocol and waits for its result. */
  command(method, params = {}, sessionId = undefined) {
    const id = ++this.#lastId;
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#process.stdio[3]?.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return Promise.race([answer, this.#failure]);
  }

  /** A window with its own storage and connections, at `address`. */
  async open(address) {
    const { browserContextId } = await this.command("Target.createBrowserContext");
    const { targetId } = await this.command("Target.createTarget", { url: "about:blank", browserContextId });
    const { sessionId } = await this.command("Target.attachToTarget", { targetId, flatten: true });
    const window = new Window(this, sessionId);
    await window.load(address);
    return window;
  }

  /** Ends Chromium with all its processes, which are the group that it leads. */
  async stop() {
    this.command("Browser.close").catch(() => {});
    const patience = setTimeout(() => this.#killGroup(), STOPPING);
    await this.#gone;
    clearTimeout(patience);
    this.#killGroup();
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  #killGroup() {
    try {
      process.kill(-this.#process.pid, "SIGKILL");
    } catch {
      // Nothing of the group is left, or it never started.
    }
  }

  #arguments() {
    // Chromium's own sandbox does not work for root.
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
    const [commands, answers] = [this.#process.stdio[3], this.#process.stdio[4]];
    // A broken pipe means that Chromium ended, and that is reported once, by its exit.
    for (const pipe of [commands, answers]) pipe?.on("error", () => {});
    let rest = "";
    answers?.setEncoding("utf8").on("data", (piece) => {
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
    if (errorText) throw new Error(`${address} does not load: ${errorText}`);
  }

  async evaluate(expression) {
    const { result, exceptionDetails } = await this.#command("Runtime.evaluate", { expression, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Waits until `expression` is true in the page. Only the deadline of the whole test bounds it. */
  async until(expression, what) {
    waitingFor = what;
    while (!(await this.evaluate(`Boolean(${expression})`))) {
      await new Promise((resolve) => setTimeout(resolve, POLL));
    }
  }

  async isConnected(who) {
    await this.until(`document.documentElement?.dataset.connection === "open"`, `${who} window's connection to the chat`);
  }

  /** Types as a person does: into the focused field, then the Enter key. */
  async say(name, text) {
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

  async picture() {
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

async function talk(browser, address, picture) {
  const first = await browser.open(address);
  const second = await browser.open(address);
  await first.isConnected("the first");
  await second.isConnected("the second");

  const run = randomUUID().slice(0, 8);
  const hello = `Hello from the first window (${run})`;
  await first.say("Ada", hello);
  await second.shows(hello, "the first window's text in the second window");
  await first.shows(hello, "the first window's text in its own window");

  const reply = `<b>Hello</b> back from the second (${run})`;
  await second.say("Grace", reply);
  await first.shows(reply, "the second window's text in the first window");
  await second.shows(reply, "the second window's text in its own window");

  await writeFile(picture, await second.picture());
}

/** What `until` is busy with, for the message when the deadline passes. */
let waitingFor = "Chromium to start";

const [address, picture] = process.argv.slice(2);
if (!address || !picture) {
  console.error("usage: chat.mjs https://mattermost.localhost:PORT/ OUT.png");
  process.exit(2);
}

const browser = await Browser.start();
const deadline = new Promise((_, reject) => {
  const tooLate = () => reject(new Error(`waited in vain for ${waitingFor} (${DEADLINE / 1000} s in all)`));
  setTimeout(tooLate, DEADLINE).unref();
});
try {
  await Promise.race([talk(browser, address, picture), deadline]);
  console.log(`chat: two windows at ${address} heard each other; picture in ${picture}`);
} catch (error) {
  console.error(`chat: ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser.stop();
}
