import { onScopeDispose } from "vue";
import { useI18n } from "vue-i18n";
import { follow } from "@/api/client";
import { notInForce } from "@/api/error";
import { useLive } from "@/stores/live";
import { useToast } from "./useToast";

/** Says of each write that is stored and not in force yet that it is kept, whatever page it was made on, and has that page read anew. */
export function useStoredNotice(): void {
  const { t } = useI18n();
  const toast = useToast();
  const live = useLive();
  onScopeDispose(follow({
    failed: (error) => {
      if (!notInForce(error)) return;
      toast.later(`${t("error.not_in_force.title")}: ${t("error.not_in_force.detail")}`);
      live.reread();
    },
    answered: () => {},
  }));
}
