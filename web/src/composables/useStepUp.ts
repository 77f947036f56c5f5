import { api, unwrap } from "@/api/client";
import { useSession } from "@/stores/session";

/** Confirming that it is still the same person: the own password again, good for five minutes on the server. */
export function useStepUp() {
  const session = useSession();
  return {
    /** Whether the server will ask before an act of tier 4. A few seconds early rather than late. */
    needed: (): boolean => session.confirmedUntil < Date.now() + 5_000,
    /** Confirms, or throws the refusal: 403 is a wrong password, 429 too many of them. */
    async confirm(password: string): Promise<void> {
      const answer = await unwrap(api.POST("/api/v1/auth/confirm", { body: { password } }));
      session.confirmedUntil = Date.parse(answer.confirmed_until);
    },
    /** The server asked all the same. */
    forget(): void {
      session.confirmedUntil = 0;
    },
  };
}
