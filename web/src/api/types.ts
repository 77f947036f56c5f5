import type { components } from "./schema";

type Schemas = components["schemas"];
export type User = Schemas["User"];
export type Me = Schemas["Me"];
export type SetupState = Schemas["SetupState"];
export type Role = Schemas["Role"];
export type RoleCell = Schemas["RoleCell"];
export type PermissionLine = Schemas["PermissionLine"];
export type Session = Schemas["Session"];
export type Key = Schemas["Key"];
export type CreatedKey = Schemas["CreatedKey"];
export type Verdict = Schemas["Verdict"];
export type Reproduction = Schemas["Reproduction"];
export type Difference = Schemas["Difference"];
export type VerdictRuntime = Schemas["VerdictRuntime"];
export type HistoryRow = Schemas["HistoryRow"];
export type Message = Schemas["Message"];
export type Model = Schemas["Model"];
export type ModelRoom = Schemas["ModelRoom"];
export type Example = Schemas["Example"];
export type ExampleSet = Schemas["ExampleSet"];
export type AuditEvent = Schemas["AuditEvent"];
export type AuditChain = Schemas["AuditChain"];
export type AuditVolume = Schemas["AuditVolume"];
export type SavedFilter = Schemas["SavedFilter"];
export type AuditVerification = Schemas["AuditVerification"];
export type Severity = Schemas["Severity"];
export type VerdictAction = Schemas["VerdictAction"];
export type Decision = Schemas["Decision"];
export type PolicyMode = Schemas["PolicyMode"];
export type Scores = Schemas["Scores"];

export type Overview = Schemas["Overview"];
export type OverviewNeed = Schemas["OverviewNeed"];
export type OverviewHour = Schemas["OverviewHour"];
export type OverviewModel = Schemas["OverviewModel"];
export type SystemReport = Schemas["System"];
export type SystemCheck = Schemas["SystemCheck"];

export type Setting = Schemas["Setting"];
export type Settings = Schemas["Settings"];

export type EventPolicy = Schemas["EventPolicy"];
export type EventModel = Schemas["EventModel"];
export type EventRef = Schemas["EventRef"];
export type EventEnd = Schemas["EventEnd"];
export type EventReset = Schemas["EventReset"];

/** What a verdict card shows: an answer just given, or a row of history with its place in the audit. */
export type ShownVerdict = Omit<Verdict, never> & Partial<Pick<HistoryRow, "audit_seq" | "audit_id" | "actor">>;

export type RuleAbout = Schemas["RuleAbout"];
export type PolicyState = Schemas["PolicyState"];
export type PolicyVersion = Schemas["PolicyVersion"];
export type PolicyVersionDetail = Schemas["PolicyVersionDetail"];
export type Explanation = Schemas["Explanation"];
export type ExplainStep = Schemas["ExplainStep"];
export type ConsideredRule = Schemas["ConsideredRule"];
export type WayToPass = Schemas["WayToPass"];
export type CheckedCondition = Schemas["CheckedCondition"];
export type AccessTable = Schemas["AccessTable"];
export type AccessCell = Schemas["AccessCell"];
export type Rehearsal = Schemas["Rehearsal"];
export type RehearsedUse = Schemas["RehearsedUse"];
export type HygieneFinding = Schemas["HygieneFinding"];
export type RuleHits = Schemas["RuleHits"];

export type Group = Schemas["Group"];
export type AccessRequest = Schemas["AccessRequest"];
export type AccessReview = Schemas["AccessReview"];
export type ReviewItem = Schemas["AccessReviewItem"];
export type Usage = Schemas["Usage"];
export type UsageCount = Schemas["UsageCount"];

export type ForwardTarget = Schemas["ForwardTarget"];
export type NewForwardTarget = Schemas["NewForwardTarget"];
export type MadeForwardTarget = Schemas["MadeForwardTarget"];
export type AlertTold = Schemas["AlertTold"];
export type AuditCheckpoints = Schemas["AuditCheckpoints"];

export type Retention = Schemas["Retention"];
export type RetentionKind = Schemas["RetentionKind"];
export type RetentionDays = Schemas["RetentionDays"];
export type RetentionPlan = Schemas["RetentionPlan"];
export type RetentionRun = Schemas["RetentionRun"];
export type Hold = Schemas["Hold"];
export type NewHold = Schemas["NewHold"];

export type ExportSchedule = Schemas["ExportSchedule"];
export type ExportSchedules = Schemas["ExportSchedules"];
export type NewExportSchedule = Schemas["ExportScheduleCreate"];
