import { useRouter } from "vue-router";
import { useChain } from "@/stores/chain";
import { useNames } from "@/stores/names";
import { useSession } from "@/stores/session";

/** Ends the session and goes to the door. */
export function useSignOut(): () => Promise<void> {
  const router = useRouter();
  const session = useSession();
  const chain = useChain();
  const names = useNames();
  return async () => {
    try {
      await session.signOut();
    } catch {
      // the session is forgotten here all the same; it ends by itself on the server
    }
    chain.forget();
    names.forget();
    await router.push({ name: "sign-in" });
  };
}
