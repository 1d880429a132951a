// Moving in by the page: an export is brought, the plan is looked at, it is added; zones come paused.

import { accessible, close, logIn, must, notes, open, picture, step, tell } from "./desk.mjs";

try {
    const page = await open();
    await logIn(page, "/zones");

    step("a file that is none is refused with its name");
    await page.getByRole("button", { name: "Move in" }).click();
    await page.getByLabel("Export").setInputFiles({ name: "x.json", mimeType: "text/plain", buffer: Buffer.from("{") });
    await page.getByRole("button", { name: "Show the plan" }).click();
    await page.getByText("x.json is not JSON").waitFor();
    await accessible(page, "move in");

    step("the plan names every row that is left out");
    await page.getByLabel("Export").setInputFiles(await tell("file"));
    await page.getByLabel("Main domain").fill("vps.example");
    await page.getByRole("button", { name: "Show the plan" }).click();
    await page.getByText("To add: 2 zones, 2 pools, 10 hosts").waitFor();
    await page.getByText("vm_rev_dns is no JSON object").waitFor();
    await page.getByLabel("API Token of cloudflare").waitFor();
    must((await tell("hosts")) === "0", "the plan stored something");
    await accessible(page, "the plan of moving in");
    await picture(page, "adopt");

    step("a missing secret is typed, and all is added, paused");
    await page.getByLabel("API Key of powerdns").fill("typed");
    await page.getByRole("button", { name: "Add it" }).click();
    await page.getByText("Added: 3 zones, 2 pools, 10 hosts").waitFor();
    must((await tell("hosts")) === "10", "the hosts are not there");
    await picture(page, "adopted");
    await accessible(page, "moved in");
    await page.getByRole("link", { name: "paused zones" }).click();
    await page.getByRole("link", { name: "vps.example" }).waitFor();
    must((await page.getByText("paused", { exact: true }).count()) >= 3, "a zone is not paused");
} catch (error) {
    notes.push(`failed: ${error.message}`);
}
await close();
for (const note of notes) console.log(`! ${note}`);
process.exit(notes.length === 0 ? 0 : 1);
