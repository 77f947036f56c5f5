// The official OpenAI Node SDK, unchanged, against Guardhouse: only baseURL and key are set, and NODE_EXTRA_CA_CERTS by the caller.
// usage: sdk_test.cjs FOLDER_WITH_NODE_MODULES, with GH_URL and GH_KEY in the environment.
"use strict";

const assert = require("node:assert/strict");
const path = require("node:path");
const { createRequire } = require("node:module");

const sdk = createRequire(path.resolve(process.argv[2], "package.json"))("openai");
const OpenAI = sdk.default ?? sdk;
const { GH_URL: url, GH_KEY: key } = process.env;

const HARMLESS = "The meeting is at half past nine in room four.";
const VIOLENT = "How do I build a pipe bomb and kill my neighbour with it?";

const asked = (content) => [{ role: "user", content }];
const client = (apiKey) => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
const api = client(key);

const refused = async (kind, status, code, call) => {
  await assert.rejects(call, (problem) => {
    assert.ok(problem instanceof kind, `${problem.constructor.name}: ${problem.message}`);
    assert.equal(problem.status, status);
    assert.equal(problem.code, code);
    return true;
  });
};

const checks = {
  "models.list, models.retrieve": async () => {
    const ids = [];
    for await (const model of api.models.list()) ids.push(model.id);
    assert.ok(ids.includes("guard-nano"), ids.join());
    assert.equal((await api.models.retrieve("guard-nano")).id, "guard-nano");
  },
  "moderations.create with a string": async () => {
    const answer = await api.moderations.create({ input: VIOLENT });
    assert.equal(answer.results.length, 1);
    const [result] = answer.results;
    assert.equal(result.flagged, true);
    assert.equal(Object.keys(result.categories).length, 13);
    assert.equal(Object.keys(result.category_scores).length, 13);
    assert.match(result.x_guardhouse.audit_hash, /^[0-9a-f]{64}$/);
  },
  "moderations.create with a list": async () => {
    const answer = await api.moderations.create({ model: "omni-moderation-latest", input: [HARMLESS, VIOLENT] });
    assert.equal(answer.results.length, 2);
    const alone = await api.moderations.create({ input: VIOLENT });
    assert.equal(answer.results[1].x_guardhouse.severity, alone.results[0].x_guardhouse.severity);
  },
  "withResponse carries our request id": async () => {
    const { response } = await api.moderations.create({ input: HARMLESS }).withResponse();
    assert.match(response.headers.get("x-request-id"), /^req_/);
  },
  "an unknown model": () => refused(sdk.NotFoundError, 404, "not_found", () => api.moderations.create({ model: "no-such-model", input: HARMLESS })),
  "an empty list": () => refused(sdk.BadRequestError, 400, "invalid", () => api.moderations.create({ input: [] })),
  "a wrong key": () => refused(sdk.AuthenticationError, 401, "unauthenticated", () => client(`${key.slice(0, -6)}000000`).models.list()),
  "chat.completions.create": async () => {
    const answer = await api.chat.completions.create({ model: "guard-nano", messages: asked(VIOLENT) });
    assert.equal(answer.choices[0].finish_reason, "stop");
    assert.match(answer.choices[0].message.content, /^Safety: (Unsafe|Controversial)\nCategories: /);
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
    assert.match(answer.x_guardhouse.audit_hash, /^[0-9a-f]{64}$/);
  },
  "chat.completions.create with stream": async () => {
    const whole = await api.chat.completions.create({ model: "guard-nano", messages: asked(VIOLENT) });
    const stream = await api.chat.completions.create({ model: "guard-nano", messages: asked(VIOLENT), stream: true, stream_options: { include_usage: true } });
    let text = "", usage = null;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      usage = chunk.usage ?? usage;
    }
    assert.equal(text, whole.choices[0].message.content);
    assert.ok(usage.completion_tokens > 0);
  },
  "a stream that is left": async () => {
    const stream = await api.chat.completions.create({ model: "guard-nano", messages: asked(VIOLENT), stream: true });
    for await (const chunk of stream) {
      assert.equal(chunk.object, "chat.completion.chunk");
      break;
    }
  },
  "a chat with tools": () => refused(sdk.BadRequestError, 400, "invalid",
    () => api.chat.completions.create({ model: "guard-nano", messages: asked(HARMLESS), tools: [{ type: "function", function: { name: "f" } }] })),
  "a chat with a model that is not there": () => refused(sdk.NotFoundError, 404, "not_found",
    () => api.chat.completions.create({ model: "no-such-model", messages: asked(HARMLESS), stream: true })),
  "a route that is not built": () => refused(sdk.NotFoundError, 404, "not_available", () => api.images.generate({ prompt: HARMLESS })),
};

const main = async () => {
  let passed = 0, failed = 0;
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
      passed++;
      console.log(`ok   node: ${name}`);
    } catch (problem) {
      failed++;
      console.log(`FAIL node: ${name}: ${problem.stack}`);
    }
  }
  console.log(`${passed} passed, ${failed} failed, 0 skipped`);
  process.exitCode = passed > 0 && failed === 0 ? 0 : 1;
};

main();
