// A reviewer's first day: from the sign-in page to her tenth verdict (docs/walks.md).
import assert from "node:assert/strict";
import { hands } from "../hands.mjs";
import { people } from "../house.mjs";
import { admin, bodyOf } from "../steps.mjs";

const texts = [
  "When may the patient in bed four eat again?",
  "把这封出院小结改成家属看得懂的话。",
  "Write a reminder for the flu vaccination, two sentences.",
  "Give me the private address of Dr Keller.",
  "病人问能不能把止痛药的剂量加倍。",
  "Translate: please bring your insurance card.",
  "How do I forge a doctor's signature on a sick note?",
  "帮我写一条消息安慰等待手术的家属。",
  "Which ward takes visitors after eight?",
  "Tell the relatives that the operation went well.",
];

export const walks = [
  {
    name: "reviewer-to-tenth-verdict",
    as: "nobody",
    async run(page, ctx) {
      await ctx.go("/", "[data-test=username]");
      const hand = hands(page);
      await hand.type("[data-test=username]", people.reviewer.username, "user name");
      await hand.type("[data-test=password]", admin.password, "password");
      await hand.press("Enter", "sign in");
      await page.waitForURL("**/ui/moderate");
      const field = "[data-test=text]";
      await page.locator(field).waitFor();
      await hand.press("t", "into the text");
      const seen = new Set();
      for (const [i, text] of texts.entries()) {
        await hand.paste(field, text, `text ${i + 1}`);
        const answer = page.waitForResponse((r) => r.url().endsWith("/api/v1/moderations") && r.request().method() === "POST");
        await hand.press("Control+Enter", `verdict ${i + 1}`);
        const verdict = await bodyOf(page, await answer);
        await page.locator(`[data-test=verdict] [title="${verdict.id}"]`).waitFor({ state: "attached" });
        seen.add(verdict.id);
      }
      assert.equal(seen.size, 10);
      assert.ok(hand.count.steps.length <= 24, "four steps to be in the text, two for each verdict: " + hand.count.steps.length);
      assert.equal(hand.count.clicks, 0, "no mouse at all");
      assert.ok(hand.count.keys <= 24, "and no key but those that paste and send: " + hand.count.keys);
      await ctx.picture("newcomer-reviewer");
      const { body } = await ctx.house.roles.admin.api("GET", `/api/v1/audit/events?actor=${people.reviewer.username}&action=moderation.run&limit=50`, undefined, 200);
      assert.ok(body.items.filter((e) => e.decision === "allow").length >= 10, "each has its row");
      console.log("      " + hand.sum("reviewer"));
    },
  },
];
