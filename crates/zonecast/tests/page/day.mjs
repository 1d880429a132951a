// An admin's day. Each part goes on where the one before stopped; the test around it owns the servers.

import { accessible, ask, base, close, logIn, must, notes, open, picture, step, tabTo, wrongKey } from "./desk.mjs";

const { PDNS_URL, PDNS_KEY, PDNS_DNS, KEY } = process.env;
const toast = (page, role) => page.locator(`.toast[role=${role}]`);
const record = (page, type) => page.locator("#records tr").filter({ has: page.getByRole("cell", { name: type, exact: true }) });

const arriving = async (page) => {
    step("log in: a wrong key, the right one");
    await page.goto(`${base}/hosts`);
    await page.getByLabel("Key").fill("zc_1_nonsense");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("alert").getByText("this key opens nothing here").waitFor();
    await page.getByLabel("Key").fill(KEY);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("heading", { name: "Hosts" }).waitFor();
};

const addingZones = async (page) => {
    step("add a zone: the fields follow the type");
    await page.goto(`${base}/zones`);
    await page.getByRole("button", { name: "+ Add DNS Zone" }).click();
    await page.getByLabel("Zone", { exact: true }).fill("Example.com.");
    await page.getByLabel("Type").selectOption("embedded");
    await page.getByLabel("API Key").waitFor({ state: "detached" });
    await page.getByLabel("Type").selectOption("powerdns");
    await page.getByLabel("API Key").waitFor();
    must(await page.getByLabel("Zone", { exact: true }).inputValue() === "Example.com.", "what was typed is gone");

    step("test first: a wrong key is red in PowerDNS' words, the right one green");
    await page.getByLabel("Server URL").fill(`${PDNS_URL.toUpperCase()}/`);
    await page.getByLabel("API Key").fill(wrongKey);
    await page.getByRole("button", { name: "Test first" }).click();
    await toast(page, "alert").getByText("Unauthorized").waitFor();
    await picture(page, "zone-test-red");
    await page.getByLabel("API Key").fill(PDNS_KEY);
    await page.getByRole("button", { name: "Test first" }).click();
    await toast(page, "status").waitFor();
    await page.getByText("Policy").click();
    await page.getByLabel("Name servers to verify at").fill(PDNS_DNS);
    await page.getByRole("button", { name: "Add zone" }).click();
    await toast(page, "status").getByText(`Server URL is stored as ${PDNS_URL}`).waitFor();

    step("add two more at the same account, one in national script");
    for (const name of ["2.0.192.in-addr.arpa", "bücher.example"]) {
        await page.goto(`${base}/zones/new`);
        await page.getByLabel("Account").selectOption({ index: 1 });
        await page.getByLabel("Zone", { exact: true }).fill(name);
        await page.getByText("Policy").click();
        await page.getByLabel("Name servers to verify at").fill(PDNS_DNS);
        await page.getByRole("button", { name: "Add zone" }).click();
        await toast(page, "status").getByText("is added").waitFor();
    }

    step("the list: id, name, badge, direction, Test");
    await page.goto(`${base}/zones`);
    const row = page.getByRole("row").filter({ hasText: "bücher.example" });
    for (const words of ["3", "xn--bcher-kva.example", "PowerDNS", "forward"]) await row.getByText(words).first().waitFor();
    await page.getByRole("row").filter({ hasText: "2.0.192.in-addr.arpa" }).getByText("reverse IPv4").waitFor();
    await page.getByRole("button", { name: "Test zone 1 example.com" }).click();
    await toast(page, "status").getByText("Test of example.com").waitFor();
    must(page.url() === `${base}/zones`, "the test left the page");
    await picture(page, "zones");
};

const addingAHost = async (page) => {
    step("add a host, by keyboard alone");
    await page.goto(`${base}/`);
    await page.keyboard.press("Tab");
    must(await page.evaluate(() => document.activeElement.className === "skip"), "the skip link is not first");
    await tabTo(page, "nav a[href='/hosts']");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Hosts" }).waitFor();
    await tabTo(page, "a[href='/hosts/new']");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Add host" }).waitFor();
    await tabTo(page, "#f-fqdn");
    await page.keyboard.type("vm-1.example.com");
    await page.keyboard.press("Tab");
    await page.keyboard.type("192.0.2.10\n198.51.100.7");
    await tabTo(page, "form button:not([value])");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "vm-1.example.com" }).waitFor();

    step("watch it become served, without a reload");
    await page.evaluate(() => { window.stayed = true; });
    await record(page, "A").getByText("served").waitFor();
    await record(page, "PTR").getByText("served").waitFor();
    must(await page.evaluate(() => window.stayed), "the page was loaded again");
    await page.getByText("198.51.100.7 is in no zone: why?").click();
};

const changing = async (page) => {
    step("change the reverse name: a bad one is said at the field, a good one is served");
    const field = page.getByLabel("Own reverse name of 192.0.2.10");
    await field.fill("not a name");
    await page.getByRole("button", { name: "Save the reverse name of 192.0.2.10" }).click();
    await page.locator("#rdns-error").waitFor();
    await field.fill("mail.example.com");
    await page.getByRole("button", { name: "Save the reverse name of 192.0.2.10" }).click();
    await page.getByRole("log").getByText("rev OK").waitFor();
    await record(page, "PTR").filter({ hasText: "mail.example.com" }).getByText("served").waitFor();
    await ask("answers");

    step("the provider breaks: rev ERR in its words, fwd OK all the same, live");
    await ask("break");
    await page.getByRole("button", { name: "Set DNS records" }).click();
    await page.waitForURL(/job=/);
    await page.getByRole("log").getByText(/rev ERR .*the auditor said no/).waitFor();
    await page.getByRole("log").getByText("fwd OK").first().waitFor();
    await record(page, "PTR").getByText("failed", { exact: true }).waitFor();
    await page.locator(".state").getByText(/partial/).waitFor();
    await page.evaluate(() => window.scrollTo(0, 0));
    await picture(page, "host");
    await page.goto(`${base}/trouble`);
    await page.getByRole("row").filter({ hasText: "the auditor said no" }).waitFor();

    step("it is put right: Set DNS records, all is well");
    await ask("mend");
    await page.goto(`${base}/hosts/1`);
    await page.getByRole("button", { name: "Set DNS records" }).click();
    await page.getByRole("log").getByText("rev OK").waitFor();
    await page.locator(".state").getByText("done").waitFor();
    await record(page, "PTR").getByText("served").waitFor();
    await page.goto(`${base}/`);
    await page.getByText("Every record is as it should be.").waitFor();
    await picture(page, "dashboard");
};

const editing = async (page) => {
    step("edit a zone without touching the secret");
    await page.goto(`${base}/zones/1/edit`);
    const secret = page.getByLabel("API Key");
    must(await secret.inputValue() === "", "a secret stands in the form");
    must(await secret.getAttribute("placeholder") === "(unchanged – enter new to replace)", "the placeholder");
    await picture(page, "zone-edit");
    await page.getByLabel("TTL").fill("soon");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("link", { name: "TTL must be a whole number" }).click();
    must(await page.getByLabel("TTL").evaluate((field) => field === document.activeElement), "the error leads to its field");
    await page.getByLabel("TTL").fill("600");
    await page.getByRole("button", { name: "Save" }).click();
    await toast(page, "status").getByText("zone example.com is saved").waitFor();
    await page.getByRole("button", { name: "Test Zone" }).click();
    await toast(page, "status").getByText("Test of example.com").waitFor();

    step("another server asks for the secret again");
    await page.goto(`${base}/zones/1/edit`);
    await page.getByLabel("Server URL").fill("http://127.0.0.1:9");
    await page.getByRole("button", { name: "Save" }).click();
    await page.locator("#f-settings-api_key-error").getByText("must be given again").waitFor();

    step("delete a zone, keeping its records");
    await page.goto(`${base}/zones`);
    await page.getByRole("button", { name: "Delete zone 3 bücher.example" }).click();
    await page.getByLabel("keep: they stay at the provider as they are").check();
    await page.getByRole("button", { name: "Delete zone" }).click();
    await toast(page, "status").getByText("bücher.example is forgotten").waitFor();
};

const places = ["/login", "/", "/zones", "/zones/new", "/zones/1", "/zones/1/edit", "/zones/1/delete", "/zones/1/plan", "/zones/1/records", "/zones/1/dnssec", "/drift",
    "/hosts", "/hosts/1", "/hosts/new", "/hosts/1/edit", "/hosts/1/delete", "/jobs", "/jobs/1", "/trouble", "/connections",
    "/connections/1/edit", "/explain?name=vm-1.example.com", "/audit", "/zones/77"];

const looking = async (cookies) => {
    step("every screen in light, in dark, and on a phone");
    for (const colorScheme of ["light", "dark"]) {
        const page = await open({ storageState: cookies, colorScheme });
        for (const place of places) {
            await page.goto(base + place);
            await accessible(page, `${place} (${colorScheme})`);
            if (place === "/hosts/1" && colorScheme === "dark") await picture(page, "host-dark");
        }
        await page.context().close();
    }
    const phone = await open({ storageState: cookies, viewport: { width: 375, height: 760 } });
    for (const place of places) {
        await phone.goto(base + place);
        const over = await phone.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        if (over > 0) notes.push(`phone: ${place} scrolls sideways by ${over}`);
        if (place === "/hosts/1") await picture(phone, "host-phone");
    }
    await phone.context().close();
};

const withoutScript = async () => {
    step("without script: log in, add a zone of another type, add a host");
    const page = await open({ javaScriptEnabled: false });
    await logIn(page, "/zones/new");
    await page.getByLabel("Type").selectOption("embedded");
    await page.getByRole("button", { name: "Show its fields" }).click();
    must(await page.getByLabel("API Key").count() === 0, "the fields did not follow the type");
    await page.getByLabel("Zone", { exact: true }).fill("plain.example");
    await page.getByRole("button", { name: "Add zone" }).click();
    await toast(page, "status").getByText("zone plain.example is added").waitFor();
    await page.getByRole("button", { name: "Test Zone" }).click();
    await toast(page, "status").getByText("Test of plain.example").waitFor();
    await page.goto(`${base}/hosts/new`);
    await page.getByLabel("Name").fill("www.plain.example");
    await page.getByLabel("Addresses").fill("203.0.113.5");
    await page.getByRole("button", { name: "Add host" }).click();
    await page.getByRole("heading", { name: "www.plain.example" }).waitFor();
    await page.getByText("www.plain.example is registered").waitFor();
    await page.getByRole("button", { name: "Set DNS records" }).click();
    await page.getByRole("log").waitFor();
    await page.getByRole("button", { name: "Log out" }).click();
    await page.goto(`${base}/hosts`);
    await page.getByLabel("Key").waitFor();
    await page.context().close();
};

try {
    const page = await open();
    await arriving(page);
    await addingZones(page);
    await addingAHost(page);
    await changing(page);
    await editing(page);
    await looking(await page.context().storageState());
    await withoutScript();
} catch (error) {
    notes.push(`failed: ${error.message}`);
}
await close();
for (const note of notes) console.log(`! ${note}`);
process.exit(notes.length === 0 ? 0 : 1);
