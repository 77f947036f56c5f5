import { useToasts } from "@/stores/toasts";

/** Says that something went well: 4 seconds, or 10 with an undo. Answers what takes it away early. */
export function useToast() {
  const toasts = useToasts();
  return {
    success(text: string, options: { undo?: () => unknown } = {}): () => void {
      const id = toasts.add(text, options.undo);
      return () => toasts.drop(id);
    },
  };
}
