import { onBeforeUnmount, onMounted, ref, type Ref } from "vue";

/** How wide an element is, in pixels, as it changes. `usual` holds until it is known. */
export function useWidth(element: Ref<HTMLElement | null>, usual = 640) {
  const width = ref(usual);
  let observer: ResizeObserver | null = null;
  onMounted(() => {
    if (!element.value) return;
    width.value = element.value.clientWidth || usual;
    if (typeof ResizeObserver === "undefined") return;
    observer = new ResizeObserver(([entry]) => {
      if (entry && entry.contentRect.width > 0) width.value = entry.contentRect.width;
    });
    observer.observe(element.value);
  });
  onBeforeUnmount(() => observer?.disconnect());
  return width;
}
