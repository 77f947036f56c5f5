// Reads pages/AREA.mjs: what each shows, and in which order the jobs are done.
//   pages = [{ name, path, as, ready, prepare?, print? }]   seen in 2 languages x 2 themes x 3 widths
//   walks = [{ name, as?, run(page, ctx) }]                 ways walked to their end, once, in en-light
//   empty = true                                            the area needs a house before set-up
// `as` is a role of house.mjs or "nobody"; `path` may be a function of the house; ctx is in context.mjs.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";

const roles = ["admin", "reviewer", "radiologist", "nurse", "guest", "auditor", "nobody"];

function checkArea(area, { pages = [], walks = [] }) {
  for (const list of [pages, walks]) {
    const names = list.map((p) => p.name);
    assert.equal(new Set(names).size, names.length, `${area}: two of ${names.join(", ")} are one`);
  }
  for (const p of pages) {
    assert.ok(p.name && p.path && p.ready, `${area}: a page has name, path and ready`);
    assert.ok(roles.includes(p.as), `${area}/${p.name}: "as" is one of ${roles.join(", ")}`);
  }
  for (const w of walks) {
    assert.ok(w.name && typeof w.run === "function", `${area}: a walk has name and run`);
    assert.ok(roles.includes(w.as ?? "admin"), `${area}/${w.name}: "as" is one of ${roles.join(", ")}`);
  }
  assert.ok(pages.length + walks.length > 0, `${area} has neither pages nor walks`);
}

const most = 6; // pages in a job: more would leave the last worker alone with a long one

/** Jobs, the long ones first: some pages of an area, or its walks, each job in a house of its own. */
export async function readAreas(only) {
  const wanted = only ? only.split(",").map((w) => w.trim()) : null;
  const asked = (area, name) => !wanted || wanted.some((w) => w === area || w === `${area}/${name}`);
  const jobs = [];
  for (const file of readdirSync(new URL("pages/", import.meta.url)).filter((f) => f.endsWith(".mjs")).sort()) {
    const area = file.replace(/\.mjs$/, "");
    const module = await import(`./pages/${file}`);
    checkArea(area, module);
    const pages = (module.pages ?? []).filter((p) => asked(area, p.name));
    const walks = (module.walks ?? []).filter((w) => asked(area, w.name));
    const empty = module.empty === true;
    const each = Math.ceil(pages.length / Math.ceil(pages.length / most)); // no job of one page beside one of six
    for (let i = 0; i < pages.length; i += each) {
      const some = pages.slice(i, i + each);
      jobs.push({ name: `${area} pages ${some.map((p) => p.name).join(", ")}`, empty, pages: some, walks: [], weight: some.length * 3 });
    }
    if (walks.length > 0) jobs.push({ name: area + " walks", empty, pages: [], walks, weight: walks.length });
  }
  assert.ok(jobs.length > 0, `no area is called ${only}`);
  return jobs.sort((a, b) => b.weight - a.weight);
}
