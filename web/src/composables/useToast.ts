import { useToasts } from "@/stores/toasts";

/** Says that something went well: 4 seconds, or 10 with an undo. Answers what takes it away early. */
export function useToast() {
  const toasts = useToasts();
  return {
    success(text: string, options: { undo?: () => unknown } = {}): () => void {
      const id = toasts.add(text, options.undo);
      return () => toasts.drop(id);
    },
    /** What is done, and not to be seen yet. */
    later: (text: string): void => void toasts.add(text, undefined, true),
  };
}
