import { defineStore } from "pinia";
import { ref } from "vue";

export interface Toast {
  id: number;
  text: string;
  undo?: () => unknown;
  /** What is done and takes a moment to show: no check mark yet. */
  later?: boolean;
  /** How long it stays, once nobody points at it. */
  ms: number;
}

/** What went well, for a moment. Errors never come here: they stay where they happened. */
export const useToasts = defineStore("toasts", () => {
  const list = ref<Toast[]>([]);
  let last = 0;

  function add(text: string, undo?: () => unknown, later = false): number {
    const toast: Toast = { id: ++last, text, undo, later, ms: undo || later ? 10_000 : 4_000 };
    list.value = [...list.value.slice(-2), toast];
    return toast.id;
  }

  function drop(id: number): void {
    list.value = list.value.filter((toast) => toast.id !== id);
  }

  return { list, add, drop };
});
