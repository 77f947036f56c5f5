import { computed } from "vue";
import { groups, opens, pages } from "@/pages";
import { useAccess } from "./useAccess";

/** The pages that this person may open, as the frame shows them: beside the content, or only in the person's menu. */
export function useNavigation() {
  const { can } = useAccess();
  const own = computed(() => pages.filter((p) => opens(p, can)));
  /** Who has no work here but reading examples (a guest) needs no navigation beside one page. */
  const bare = computed(() => own.value.every((p) => p.action === undefined || p.group === "menu" || p.name === "examples" || p.name === "keys"));
  const listed = computed(() => own.value.filter((p) => p.group !== "menu"));
  return {
    own,
    bare,
    listed,
    grouped: computed(() => groups.map((name) => ({ name, pages: listed.value.filter((p) => p.group === name) })).filter((g) => g.pages.length > 0)),
    /** What stands in the person's menu. */
    menu: computed(() => own.value.filter((p) => p.group === "menu" || bare.value)),
  };
}
