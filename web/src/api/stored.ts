import { notInForce, toApiError } from "./error";

/**
 * Answers what a write answers. A write that is stored and not in force yet must not be done again: then `read` answers what is
 * there now, and where that can't be read either the write's own answer is thrown.
 */
export async function stored<T>(write: Promise<T>, read: () => T | Promise<T>): Promise<T> {
  try {
    return await write;
  } catch (thrown) {
    if (!notInForce(toApiError(thrown))) throw thrown;
    try {
      return await read();
    } catch {
      throw thrown;
    }
  }
}
