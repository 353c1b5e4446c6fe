describe("sum", () => {
  test("adds", () => {});
  test("subtracts", () => { expect(1).toBe(2); });
  test("adds (1+1) [x] $ ^", () => { expect(1).toBe(2); });
  describe("deep inside", () => {
    test("it's \"quoted\" & é", () => { throw new Error("● sum › adds"); });
    test("fine", () => {});
  });
  test.each([[1, 1], [2, 3]])("each %i is %i", (a, b) => { expect(a).toBe(b); });
});
test("top level", () => { throw new Error("boom"); });
test("top", () => {});
