import source from "@/assets/icons.svg?raw";

/** Puts our icon symbols into the page once, as parsed nodes. */
export function mountSprite(target: Document = document): void {
  const parsed = new DOMParser().parseFromString(source, "image/svg+xml");
  const sprite = target.importNode(parsed.documentElement, true);
  sprite.setAttribute("class", "sprite");
  sprite.setAttribute("aria-hidden", "true");
  target.body.prepend(sprite);
}

/** The names in the sprite, for the test that holds every used icon against them. */
export function iconNames(): Set<string> {
  return new Set([...source.matchAll(/<symbol id="i-([a-z0-9-]+)"/g)].map((m) => m[1] ?? ""));
}
