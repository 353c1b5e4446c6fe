describe("sum", () => {
  test("subtracts", () => {});
  test("adds", () => { console.log("● sum › imitated"); expect({a: 1}).toEqual({a: 2}); });
});
test("a › b", () => { expect(1).toBe(2); });
test.skip("later", () => {});
test.todo("some day");
describe("hooks", () => { beforeAll(() => { throw new Error("hook"); }); test("one", () => {}); test("two", () => {}); });
