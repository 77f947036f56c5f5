import { expect, it } from "vitest";
import { mountFor } from "@/lib/mountFor";
import { useProofTexts } from "./useProofTexts";

type Texts = ReturnType<typeof useProofTexts>;
async function texts(language: "en" | "zh-CN"): Promise<Texts> {
  let made: Texts | null = null;
  const { done } = await mountFor({ setup: () => ((made = useProofTexts()), () => null) }, {}, { language });
  done();
  if (!made) throw new Error("no texts");
  return made;
}

const sentences = [
  "tail-cut: rows could have followed row 7; no anchor outside this database is newer",
  "restored-old: the whole database could be an older copy of itself; no anchor outside it is newer",
  "the keys are the database's own word: compare them with those that you hold (--public-key)",
  "the keys are those of a folder beside the database: compare them with those that you hold (--public-key)",
  "the anchor folder holds no copy of a checkpoint (files *.notes or *.note): nothing outside this database was compared",
  "key 2 (abc) took over without the key before it, which was lost or is an attacker's story: ask its owner",
  "the anchor folder's file 2026-11-22.notes holds a note that was not written to its end: nothing is proved by it",
  "the anchor folder holds two checkpoints 7: this log has had two lives",
  "row 7 is older than the row before it",
  "row 7 is right in itself but is not the row that checkpoint 3 names",
  "row 7 does not have the hash that it was written with",
  "row 7 was written again together with its hash",
  "row 7 stands between two rows that follow each other",
  "row 7 follows no row of the log",
  "row 8 is not the one that followed row 6",
  "2 rows before row 7 are missing and the rest were renumbered",
  "rows 4 to 6 are missing",
  "rows 4 to 6 are missing, though their removal was not finished",
  "a verdict refers to row 9 and the log ends at 7",
  "the key that signed checkpoint 3 is missing in the database",
  "key 2 of the database is missing",
  "the note of key 2 in the database does not have the signature that it was written with",
  "the row of key 2 is not what its note says",
  "key 2 is another installation's than this database",
  "key 2 does not follow the key before it",
  "key 2 is newer than the last row: the row of its change is missing",
  "key 2 names an audit row that is not there",
  "checkpoint 3 is not signed by a known key",
  "checkpoint 3 is signed with a key that had been replaced",
  "checkpoint 3 does not follow the one before it",
  "checkpoint 3 of the database is not the one in the anchor folder",
  "checkpoint 13 in the anchor folder is signed with a key that had been replaced",
  "checkpoint 3 in the anchor folder's file 2026-11-22.notes is not in the form in which notes are signed",
  "checkpoint 3 stands in the anchor folder and is missing in the database",
  "the tombstone of row 4 names an audit row that is not that of its removal",
  "the confirmation of the clock up to checkpoint 3 is not what a row of the log says",
  "the confirmation of the clock up to checkpoint 3 stands in the log and is missing in the database",
  "hold hld_01 was set in the log and is missing in the database",
  "a hold is in the database, and the log has no row that set it",
  "hold hld_01 is not what the row of the log says that set it",
  "hold hld_01 has ended in the database, and the log has no row that ended it",
  "hold hld_01 has ended in the log, and not in the database",
  "hold hld_01 did not end as the row of the log says that ended it",
  "the scheduled export xps_01 was added in the log and is missing in the database",
  "a scheduled export is not what a row of the log says that added it",
  "the setting retention.audit in the database is not what the row of its last change says",
];

it("says in Chinese what the server says in English of the whole log", async () => {
  const { said } = await texts("zh-CN");
  for (const text of sentences) {
    expect(said(text), text).not.toHaveProperty("lang");
    expect(said(text).text, text).not.toMatch(/[a-z]{4,} [a-z]+/);
  }
  expect(said("rebuilt: rows 4 to 1200 could have been computed anew; no anchor outside this database covers them").text).toBe("第 4 至 1,200 行可能被整体重算过：没有数据库之外的锚点覆盖它们。");
  expect(said("checkpoint 5 in the anchor folder refers to row 9 and the log ends at 7").text).toBe("锚点目录中的检查点 5 指向第 9 行，而日志止于第 7 行。");
  expect(said("the row of the tombstone of row 12 is not what its note says").text).toBe("第 12 行的墓碑与签名或日志中的内容不符。");
});

it("keeps what it does not know, and says in which language that is", async () => {
  expect((await texts("zh-CN")).said("something that a later release says")).toEqual({ text: "something that a later release says", lang: "en" });
  expect((await texts("en")).said("checkpoint 5 is missing")).toEqual({ text: "checkpoint 5 is missing" });
});

it("begins no line on what cannot be ruled out with the name of a finding", async () => {
  const { said } = await texts("en");
  for (const text of sentences.slice(0, 2)) expect(said(text).text).not.toMatch(/^(?:tail-cut|restored-old)/);
});

it("says why checkpoints are not copied by its code, and in English as the server does", async () => {
  const zh = await texts("zh-CN");
  expect(zh.why("folder_silent", "The folder of copies of checkpoints does not answer.")).toBe("锚点目录没有应答。");
  expect(zh.why("new_one", "Of a later release.")).toBe("原因见服务器日志。");
  expect((await texts("en")).why("folder_silent", "The folder of copies of checkpoints does not answer.")).toBe("The folder of copies of checkpoints does not answer.");
});
