// Domains as their admin meets them: the acceptance list S4.41 to S4.79 by clicks, and what the zone holds
// after each by transfer from the server. Then pools and keys.

import { accessible, ask, base, close, logIn, must, notes, open, picture, step, zone } from "./desk.mjs";

const toast = (page, role) => page.locator(`.toast[role=${role}]`);
const button = (page, name) => page.getByRole("button", { name, exact: true });
const told = (page, words) => page.locator(".told").getByText(words).first();
const ended = (page) => page.locator(".log .state").getByText(/^(done|partial|failed)/).waitFor();
const holds = async (name, line, there = true) =>
    must((await zone(name)).includes(line) === there, `${name}: ${line} is ${there ? "not " : ""}there`);
const count = async (name, wanted) => {
    const lines = await zone(name);
    must(lines.length === wanted, `${name} holds ${lines.length}, not ${wanted}: ${lines.join(" | ")}`);
};

/** Adds a domain at the service, and stays at its page. */
const add = async (page, name, { type, state, addresses = "192.0.2.80", at = true } = {}) => {
    await page.goto(`${base}/domains/new`);
    await page.getByLabel("Domain", { exact: true }).fill(name);
    await page.getByLabel("Addresses").fill(addresses);
    if (type) await page.getByLabel("Type").selectOption(type);
    if (state) await page.getByLabel("State").selectOption(state);
    if (at) await page.getByLabel("pdns (PowerDNS)").check();
    await button(page, "Add domain").click();
};

/** The same, until every record is there. */
const synchronised = async (page, name, more) => {
    await add(page, name, more);
    await page.getByRole("heading", { name: "How it stands" }).getByText("synchronised", { exact: true }).waitFor();
};

const record = async (page, name, type, values) => {
    await page.getByRole("button", { name: "+ Add record" }).click();
    await page.getByLabel("Name").fill(name);
    await page.getByLabel("Type").fill(type);
    await page.getByLabel("Values").fill(values);
    await button(page, "Add record").click();
    await toast(page, "status").getByText("is added").waitFor();
    await ended(page);
};

const connecting = async (page) => {
    step("add the account that zones are made at: a missing key is said at its field");
    await page.goto(`${base}/connections/new`);
    await page.getByLabel("Type").selectOption("embedded");
    await page.getByLabel("API Key").waitFor({ state: "detached" });
    await page.getByLabel("Name").fill("pdns");
    await page.getByLabel("Type").selectOption("powerdns");
    await page.getByLabel("API Key").waitFor();
    await page.getByLabel("Server URL").fill(process.env.PDNS_URL);
    await button(page, "Add connection").click();
    await page.locator("#f-settings-api_key-error").waitFor();
    await page.getByLabel("API Key").fill(process.env.PDNS_KEY);
    await button(page, "Add connection").click();
    await toast(page, "status").getByText("connection pdns is added").waitFor();
};

const synchronising = async (page) => {
    step("S4.41 S4.42 S4.43 S4.44 add a domain and watch it become synchronised, without a reload");
    await page.goto(`${base}/domains`);
    await page.getByText("No domain yet.").waitFor();
    await page.getByRole("button", { name: "+ Add domain" }).click();
    await add(page, "d1.test");
    await page.evaluate(() => { window.stayed = true; });
    await told(page, "the zone of d1.test is now synchronised with pdns (powerdns)").waitFor();
    await page.getByRole("heading", { name: "How it stands" }).getByText("synchronised", { exact: true }).waitFor();
    must(await page.evaluate(() => window.stayed), "the page was loaded again");
    await count("d1.test", 8);
    step("S4.45 a record the service does not take is named, the others are there");
    await ask("refuse HINFO");
    await record(page, "bad.d1.test", "HINFO", "PC Linux");
    await told(page, /bad\.d1\.test HINFO: .*unknown type given/).waitFor();
    await count("d1.test", 8);
    await ask("mend");
    step("S4.46 a zone that fails as a whole is told, in the service's words");
    await ask("full");
    await add(page, "d46.test");
    await told(page, /the zone of d46\.test cannot be synchronised with pdns \(powerdns\): .*no room for another zone/).waitFor();
    await ask("mend");
};

const types = async (page) => {
    step("S4.49 S4.50 S4.51 S4.53 S4.54 S4.55 every type of domain");
    for (const type of ["subscription", "addon", "subdomain", "alias", "no_hosting", "forwarding"]) {
        const name = `${type.replace("_", "-")}.test`;
        await synchronised(page, name, { type });
        await count(name, 8);
    }
    step("S4.52 a subdomain in its parent's zone is none of its own: said at the field");
    await add(page, "in.d1.test", { type: "subdomain_in_parent" });
    await page.locator("#f-type-error").getByText("has no records and no zone of its own").waitFor();
    step("S4.56 a domain on IPv6 only");
    await synchronised(page, "six.test", { addresses: "2001:db8::80" });
    await holds("six.test", "six.test. TYPE28 2001:db8::80");
    step("S4.57 a name in national script");
    await synchronised(page, "bücher.test", { addresses: "192.0.2.80\n2001:db8::80" });
    await told(page, "the zone of bücher.test is now synchronised").waitFor();
    await page.getByRole("heading", { name: "bücher.test" }).waitFor();
    await ask("servers xn--bcher-kva.test");
};

const states = async (page) => {
    step("S4.58 S4.59 S4.60 S4.61 S4.76 S4.78 what is not active is not let out for the first time");
    for (const [state, why] of [["dns_off", "is switched off"], ["secondary", "is secondary"],
        ["suspended", "was never synchronised"], ["disabled", "was never synchronised"]]) {
        await add(page, `${state.replace("_", "-")}.test`, { state });
        await button(page, "Sync now").click();
        await toast(page, "alert").getByText(why).waitFor();
    }
    step("S4.64 from primary to secondary before the first sync");
    await button(page, "Make secondary").click();
    await toast(page, "status").getByText("secondary").waitFor();
    await button(page, "Sync now").click();
    await toast(page, "alert").getByText("is secondary").waitFor();
    step("S4.65 S4.75 S4.77 after a sync the records stay in every state");
    await page.goto(`${base}/domains/1`);
    const before = await zone("d1.test");
    for (const name of ["Make secondary", "Disable", "Suspend", "Switch DNS off", "Enable"]) {
        await button(page, name).click();
        await toast(page, "status").waitFor();
        await ended(page);
        must((await zone("d1.test")).join() === before.join(), `${name} changed the zone`);
    }
};

const template = async (page, choice) => {
    await button(page, "Template").click();
    await page.getByLabel(choice).check();
    await button(page, "Write the records").click();
    await ended(page);
};

const changing = async (page) => {
    step("S4.66 S4.67 the template: applied, reset to");
    await record(page, "own.d1.test", "A", "192.0.2.9");
    await template(page, "apply:");
    await holds("d1.test", "own.d1.test. TYPE1 192.0.2.9");
    await template(page, "reset:");
    await count("d1.test", 8);
    step("S4.68 S4.69 add records: a wrong one is said at the field");
    await page.getByRole("button", { name: "+ Add record" }).click();
    await page.getByLabel("Name").fill("new.d1.test");
    await page.getByLabel("Type").fill("a");
    await page.getByLabel("Values").fill("192.0.2.300");
    await button(page, "Add record").click();
    await page.locator("#f-values-error").getByText("192.0.2.300").waitFor();
    await page.getByLabel("Values").fill("192.0.2.1");
    await button(page, "Add record").click();
    await ended(page);
    await record(page, "_sip._tcp.d1.test", "SRV", "1 2 5060 sip.d1.test");
    await record(page, "t.d1.test", "TXT", "v=spf1 -all");
    await count("d1.test", 11);
    step("S4.70 edit one: no double");
    await page.getByRole("button", { name: "Edit new.d1.test A" }).click();
    await page.getByLabel("Values").fill("192.0.2.2");
    await button(page, "Save").click();
    await ended(page);
    await holds("d1.test", "new.d1.test. TYPE1 192.0.2.2");
    await count("d1.test", 11);
    step("S4.71 remove one");
    await page.getByRole("button", { name: "Edit new.d1.test A" }).click();
    await button(page, "Remove record").click();
    await ended(page);
    await count("d1.test", 10);
    step("S4.74 another address");
    await button(page, "Change address").click();
    await page.getByLabel("To").fill("192.0.2.90");
    await button(page, "Change address").click();
    await ended(page);
    await holds("d1.test", "d1.test. TYPE1 192.0.2.90");
    await holds("d1.test", "d1.test. TYPE1 192.0.2.80", false);
};

const others = async (page) => {
    step("values of others stay, and go when somebody says so");
    await ask("theirs theirs.d1.test");
    await record(page, "theirs.d1.test", "A", "192.0.2.7");
    await page.reload();
    await holds("d1.test", "theirs.d1.test. TYPE1 203.0.113.9");
    await button(page, "Replace them, once").click();
    await page.waitForURL(/job=/);
    await ended(page);
    await holds("d1.test", "theirs.d1.test. TYPE1 192.0.2.7");
};

const leaving = async (page) => {
    step("S4.72 S4.73 rename: the choice is asked for; update, then erase");
    await synchronised(page, "old.test");
    await button(page, "Rename").click();
    await page.getByLabel("New name").fill("new.test");
    await button(page, "Rename").click();
    await page.locator("#f-records-error").getByText("update or erase").waitFor();
    await page.getByLabel("update:").check();
    await button(page, "Rename").click();
    await page.getByRole("heading", { name: "new.test" }).waitFor();
    await ended(page);
    await count("new.test", 8);
    await count("old.test", 0);
    await button(page, "Rename").click();
    await page.getByLabel("New name").fill("empty.test");
    await page.getByLabel("erase:").check();
    await button(page, "Rename").click();
    await page.getByRole("heading", { name: "empty.test" }).waitFor();
    await ended(page);
    await count("new.test", 0);
    step("S4.79 removing the domain removes all its records");
    await page.goto(`${base}/domains/1`);
    await button(page, "Remove").click();
    await button(page, "Remove domain").click();
    await ended(page);
    await count("d1.test", 0);
};

const poolsAndKeys = async (page) => {
    step("S2.84 a pool names its reverse zone");
    await page.goto(`${base}/pools/new`);
    await page.getByLabel("Prefix").fill("192.0.2.0/24");
    await page.getByLabel("Main domain").fill("bücher.test");
    await page.getByLabel("PTR pattern").fill("{address}.pool.example.com");
    await button(page, "Add pool").click();
    await toast(page, "status").getByText("reverse zones to add: 2.0.192.in-addr.arpa").waitFor();
    await page.getByRole("link", { name: "Add the zone 2.0.192.in-addr.arpa" }).waitFor();
    step("a key is shown once");
    await page.goto(`${base}/keys/new`);
    await page.getByLabel("Name").fill("billing");
    await button(page, "Add key").click();
    const key = await page.locator("#fresh-key").innerText();
    must(key.startsWith("zc_"), key);
    await page.goto(`${base}/keys`);
    await page.getByText("billing").waitFor();
    must(!(await page.content()).includes(key), "the key is shown again");
};

const looking = async (cookies, domain) => {
    step("every new screen in light, in dark, and on a phone");
    const one = domain.replace(base, "");
    const forms = ["record", "edit", "rename", "ip", "template", "import", "delete"].map((form) => `${one}/${form}`);
    const places = ["/domains", "/domains/new", one, "/domains/3", ...forms, "/pools", "/connections/new", "/pools/new", "/pools/1/edit", "/pools/1/delete",
        "/keys", "/keys/new", "/keys/2/delete"];
    // With motion, colours of links would still be on their way when axe looks.
    const page = await open({ storageState: cookies, reducedMotion: "reduce" });
    const wanted = { [one]: "domain", "/domains": "domains" };
    for (const place of places) {
        await page.setViewportSize({ width: 1280, height: 860 });
        await page.goto(base + place);
        for (const colorScheme of ["light", "dark"]) {
            await page.emulateMedia({ colorScheme });
            await accessible(page, `${place} (${colorScheme})`);
            if (place === one && colorScheme === "dark") await picture(page, "domain-dark");
        }
        await page.emulateMedia({ colorScheme: "light" });
        await page.setViewportSize({ width: 375, height: 760 });
        const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        if (over > 0) notes.push(`phone: ${place} scrolls sideways by ${over}`);
        if (wanted[place]) await picture(page, `${wanted[place]}-phone`);
    }
    await page.context().close();
};

const withoutScript = async (domain) => {
    step("without script: add a record, edit it, remove it");
    const page = await open({ javaScriptEnabled: false });
    await logIn(page, domain.replace(base, ""));
    await page.getByRole("button", { name: "+ Add record" }).click();
    await page.getByLabel("Name").fill("plain.bücher.test");
    await page.getByLabel("Type").fill("A");
    await page.getByLabel("Values").fill("192.0.2.5");
    await button(page, "Add record").click();
    await toast(page, "status").getByText("plain.bücher.test A is added").waitFor();
    await page.getByRole("button", { name: "Edit plain.bücher.test A" }).click();
    await button(page, "Remove record").click();
    await toast(page, "status").getByText("plain.bücher.test A is removed").waitFor();
    await page.context().close();
};

try {
    const page = await open({ reducedMotion: "reduce" });
    await logIn(page, "/connections");
    await connecting(page);
    await synchronising(page);
    await types(page);
    const shown = page.url().split("?")[0];
    await states(page);
    await changing(page);
    await others(page);
    await page.goto(shown);
    await button(page, "Sync now").click();
    await ended(page);
    await page.locator("#records").getByText("served").first().waitFor();
    await page.mouse.move(0, 0);
    await picture(page, "domain");
    await page.goto(`${base}/domains`);
    await picture(page, "domains");
    await leaving(page);
    await poolsAndKeys(page);
    await looking(await page.context().storageState(), shown);
    await withoutScript(shown);
} catch (error) {
    notes.push(`failed: ${error.message}`);
}
await close();
for (const note of notes) console.log(`! ${note}`);
process.exit(notes.length === 0 ? 0 : 1);
