// What a page shows, where the real program would take months to come to it: its own answer, with a part of it told otherwise.

/** Every GET of the pattern is answered by the server, and changed on the way; `change(body)` answers the new one. */
export const overlay = (page, pattern, change) =>
  page.route(pattern, async (route) => {
    if (route.request().method() !== "GET") return route.fallback();
    try {
      const answer = await route.fetch();
      await route.fulfill({ response: answer, json: change(await answer.json()) });
    } catch {
      await route.abort().catch(() => {}); // the page was closed meanwhile
    }
  });

/** Every GET of the pattern waits until the page is left. */
export const never = (page, pattern) => page.route(pattern, (route) => (route.request().method() === "GET" ? undefined : route.fallback()));
