const {test, describe, it, before} = require("node:test"); const assert = require("node:assert");
test("adds", () => { assert.fail("b"); });
describe("hooks", () => { before(() => { throw new Error("hook"); }); it("one", () => {}); it("two", () => {}); });
