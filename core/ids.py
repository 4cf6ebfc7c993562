"""Identifiers as distinct types, so that a student can never be passed where a creator is meant."""

from typing import NewType

CreatorId = NewType("CreatorId", int)
CommunityId = NewType("CommunityId", int)
StudentId = NewType("StudentId", int)
SourceId = NewType("SourceId", int)
ItemId = NewType("ItemId", int)
WorkflowId = NewType("WorkflowId", int)
SessionId = NewType("SessionId", int)
MessageId = NewType("MessageId", int)
AssistantId = NewType("AssistantId", int)
EscalationId = NewType("EscalationId", int)
UsageId = NewType("UsageId", int)
QuizId = NewType("QuizId", int)
AttemptId = NewType("AttemptId", int)
ProjectId = NewType("ProjectId", int)
SubmissionId = NewType("SubmissionId", int)
CheckId = NewType("CheckId", int)
ShopItemId = NewType("ShopItemId", int)
PurchaseId = NewType("PurchaseId", int)
PointId = NewType("PointId", int)
