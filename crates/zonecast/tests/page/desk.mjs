// The desk of the day's work: a browser that notes whatever must not happen, and small helpers.
//
// Noted are errors of scripts, refusals by the content security policy, and any page that holds one of
// the secrets. Steps wait for elements, never for silence on the network: logs stay open.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import readline from "node:readline";

const modules = createRequire(process.env.MODULES + "/");
const { chromium } = modules("playwright-core");
const axe = readFileSync(modules.resolve("axe-core/axe.min.js"), "utf8");

export const base = process.env.BASE;
export const wrongKey = "wr0ng-key-that-was-typed";
const secrets = [process.env.KEY, process.env.PDNS_KEY, wrongKey];
export const notes = [];

const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
});

/** A fresh browser window with its own cookies, or with those of another one. */
export const open = async (options = {}) => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
    context.setDefaultTimeout(30_000);
    const page = await context.newPage();
    page.on("pageerror", (error) => notes.push(`script: ${error.message}`));
    page.on("console", (message) => {
        const text = message.text();
        // A refused form is a 422, a page that is not there a 404; Chromium calls each an error.
        // A look that a table takes by itself is cut off when one goes to another page.
        const refused = /status of (401|404|409|412|422)|htmx:error: Failed to fetch/.test(text);
        if (message.type() === "error" && !refused) notes.push(`console: ${text}`);
    });
    page.on("response", async (response) => {
        const kind = response.headers()["content-type"] ?? "";
        if (!response.url().startsWith(base)) notes.push(`loaded from elsewhere: ${response.url()}`);
        if (!kind.startsWith("text/html")) return;
        const text = await response.text().catch(() => "");
        for (const secret of secrets) if (text.includes(secret)) notes.push(`secret in ${response.url()}`);
    });
    return page;
};

export const logIn = async (page, next = "/") => {
    await page.goto(`${base}/login?next=${next}`);
    await page.getByLabel("Key").fill(process.env.KEY);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.waitForURL(base + next);
};

export const must = (condition, words) => {
    if (!condition) throw new Error(words);
};

/** Says what is being done, so that the last line before a failure tells where. */
export const step = (words) => console.log(`- ${words}`);

const input = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Asks the test for something a browser cannot do. */
export const ask = async (word) => {
    must((await tell(word)) === "done", `${word} was not done`);
};

/** What the test knows and a browser does not. */
export const tell = async (word) => {
    console.log(`@${word}`);
    return (await input.next()).value;
};

/** What stands in a zone at the server, by transfer. */
export const zone = async (name) => {
    return JSON.parse(await tell(`zone ${name}`));
};

/** No wrong colours, names, roles or orders, by axe. */
export const accessible = async (page, where) => {
    await page.evaluate(axe);
    const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
    for (const { id, nodes } of found.violations) {
        notes.push(`axe: ${where}: ${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join(" | ")}`);
    }
};

/** Tab after Tab until the element has the focus, which must be visible. */
export const tabTo = async (page, selector) => {
    for (let count = 0; count < 80; count += 1) {
        await page.keyboard.press("Tab");
        const there = await page.evaluate((wanted) => {
            const at = document.activeElement;
            const seen = getComputedStyle(at);
            const visible = seen.outlineStyle !== "none" || seen.boxShadow !== "none";
            return at.matches(wanted) ? (visible ? "visible" : "invisible") : "";
        }, selector);
        if (there) return must(there === "visible", `the focus on ${selector} cannot be seen`);
    }
    throw new Error(`${selector} cannot be reached by keyboard`);
};

/** Stores the screen, where pictures are wanted. */
export const picture = async (page, name) => {
    const folder = process.env.ZONECAST_PICTURES;
    if (folder) await page.screenshot({ path: `${folder}/${name}.png` });
};

export const close = () => browser.close();
