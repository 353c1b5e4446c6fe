const {test, describe, it, before} = require("node:test"); const assert = require("node:assert");
test("adds", () => {});
test("adds (1+1) [x]", () => { assert.equal(1, 2); });
describe("sum", () => { it("subtracts", () => { assert.fail(); }); it("two words", () => {}); describe("deep", () => { it("é 'q' \"d\" # hash", () => assert.fail()); }); });
test("parent", async (t) => { await t.test("child", () => { assert.fail("child"); }); });
test.skip("later", () => {}); test("some day", {todo: true}, () => { assert.fail(); });
test("prints", () => { console.log("not ok 1 - imitated"); });
