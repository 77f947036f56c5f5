/** What a row can be about, in the order of the roles table; a test of the server holds the texts against its own list. */
export const auditActions = [
  "moderation.run", "auth.login", "auth.logout", "auth.refresh", "auth.confirm", "auth.setup", "user.manage", "key.manage", "key.own", "session.own", "model.manage", "acl.manage",
  "settings.manage", "audit.read", "audit.export", "metrics.read", "model.view", "moderation.read", "moderation.read_all", "example.read", "analysis.view", "analysis.run",
  "analysis.report", "image.generate", "chat.run",
] as const;
