"""Built-in tables of relation types: their other names, and how each behaves."""

from __future__ import annotations

import re

SINGLE_VALUED_TYPES = frozenset(
    {"born_in", "born_on", "died_in", "died_on", "married_to", "named_after"}
)
"""One object at a time, whatever the statements say."""

USUALLY_SINGLE_VALUED = frozenset(
    {
        "lives_in",
        "works_at",
        "works_as",
        "engaged_to",
        "studies_at",
        "dating",
        "headquartered_in",
        "based_in",
        "managed_by",
        "has_owner",
    }
)
"""One object at a time, unless two are stated to hold at once: some have two homes, or two jobs."""

FAVOURITE_PREFIX = "favourite_"
SINGLE_VALUED_FORM = re.compile(
    r"favourite_.+"
    r"|(?:(?:work|home|personal|private|business|office|school|university|second)_)?"
    r"(?:phone_number|mobile_number|email|website|address|postcode|blood_type|age|height|"
    r"(?:(?:target|goal)_)?weight|(?:(?:monthly|weekly|yearly|annual)_)?(?:rent|salary|budget)|"
    r"deadline|date|due_date|launch_date|status|phase|price|cost|birthday|"
    r"licence_plate|(?:wifi_|wi_fi_)?password|username|pin|pin_code|time_zone)"
    r"|(?:shoe|dress|ring|hat|shirt|jeans|trouser|jacket|glove)_size"
    r"|(?:passport|account|insurance|member|membership|locker|room|flat|apartment|house|customer|"
    r"employee|student|tax|seat)_number"
    r"|(?:door|gate|entry|locker|alarm|access)_code"
)
"""Matches types that usually have one object, too: favourites, and attributes with one value until
it changes."""

SYMMETRIC_TYPES = frozenset(
    {
        "married_to", "engaged_to", "divorced_from", "dating", "partner_of", "sibling_of",
        "twin_of", "stepsibling_of", "sibling_in_law_of", "cousin_of", "related_to", "friend_of",
        "knows", "met", "lives_with", "works_with", "colleague_of", "neighbour_of", "roommate_of",
        "classmate_of", "borders", "same_as", "rival_of", "merged_with", "partners_with",
        "competes_with",
    }
)  # fmt: skip

EVENT_TYPES = frozenset(
    {
        "visited", "met", "attended", "bought", "sold", "won", "graduated_from", "moved_from",
        "moved_out_of", "resigned_from", "fired_from", "retired_from", "divorced_from", "gave",
        "received", "watched", "read", "played_against", "travelled_to", "ran", "lost", "gave_to",
        "acquired", "merged_with",
    }
)  # fmt: skip
"""Events: they may happen again, and each occurrence is a fact of its own."""

ENDING_TYPES = {
    "divorced_from": ("married_to", "engaged_to"),
    "married_to": ("engaged_to", "dating"),
    "broke_up_with": ("dating", "engaged_to", "partner_of"),
    "moved_from": ("lives_in",),
    "moved_out_of": ("lives_in",),
    "resigned_from": ("works_at",),
    "fired_from": ("works_at",),
    "retired_from": ("works_at",),
    "graduated_from": ("studies_at",),
}
"""By type, which others end between the same two entities when this one is stated."""

GOING_WITH = {
    "dating": ("partner_of", "engaged_to"),
    "partner_of": ("dating", "engaged_to"),
    "broke_up_with": ("dating", "partner_of", "engaged_to", "married_to", "lives_with"),
    "owns": ("drives", "has_pet", "runs"),
    "works_at": ("member_of", "studies_at", "plays_for", "volunteers_at"),
    "supplier_of": ("uses", "contractor_of"),
}
"""By type, which others end between the same two entities when this one ends."""

OTHER_NAMES = {
    "lives_in": "live_in lives_at live_at reside_in resides_in resides_at living_in living_at "
    "dwells_in home_is_in moved_to moves_to relocated_to settled_in has_home_in "
    "lives_in_city home_city residence resident_of hometown_now",
    "works_at": "work_at works_for work_for working_at working_for employed_by employed_at "
    "employee_of has_job_at joined_company started_at started_working_at hired_by works_in_company "
    "job_at employer",
    "works_as": "work_as working_as employed_as profession occupation has_job job_is job_title "
    "has_occupation has_profession",
    "studies_at": "study_at studying_at student_at student_of_school enrolled_at enrolled_in",
    "married_to": "spouse_of husband_of wife_of wed wedded_to spouse husband wife has_spouse "
    "has_husband has_wife got_married_to marries married",
    "engaged_to": "fiance_of fiancee_of betrothed_to fiance fiancee got_engaged_to",
    "divorced_from": "divorced ex_spouse_of ex_husband_of ex_wife_of got_divorced_from "
    "separated_from",
    "dating": "in_relationship_with in_a_relationship_with boyfriend_of girlfriend_of "
    "has_boyfriend has_girlfriend goes_out_with going_out_with",
    "broke_up_with": "split_up_with split_from",
    "parent_of": "mother_of father_of mom_of mum_of dad_of has_child has_son has_daughter "
    "gave_birth_to has_kid",
    "sibling_of": "brother_of sister_of has_sibling has_brother has_sister siblings_with",
    "grandparent_of": "grandmother_of grandfather_of has_grandchild",
    "friend_of": "friends_with friend has_friend good_friend_of close_friend_of best_friend_of "
    "befriended friends",
    "knows": "know known_to acquainted_with acquaintance_of",
    "neighbour_of": "neighbor_of neighbours_with lives_next_to lives_next_door_to",
    "colleague_of": "coworker_of co_worker_of colleagues_with",
    "has_pet": "has_dog has_cat owns_pet pet_owner_of",
    "owns": "own owner_of possesses",
    "likes": "like loves enjoys enjoy fond_of likes_to favours is_fan_of fan_of",
    "dislikes": "dislike hates hate does_not_like doesnt_like",
    "speaks": "speak speaks_language fluent_in",
    "born_in": "birthplace birth_place place_of_birth born_at",
    "born_on": "birthday date_of_birth birth_date",
    "died_in": "place_of_death",
    "died_on": "date_of_death death_date",
    "comes_from": "come_from native_of originally_from from hails_from",
    "member_of": "belongs_to part_of_group joined joins in_group",
    "managed_by": "reports_to report_to reporting_to supervised_by led_by headed_by has_boss "
    "has_manager works_under",
    "founded": "founder_of co_founded cofounded established set_up co_founder_of",
    "located_in": "situated_in lies_in found_in located_at is_in",
    "part_of": "contained_in component_of",
    "capital_of": "seat_of_government_of",
    "visited": "visits visit went_to travelled_to traveled_to been_to has_been_to trip_to",
    "attended": "attends attend took_part_in participated_in",
    "graduated_from": "alumnus_of alumna_of alma_mater degree_from",
    "moved_from": "relocated_from left_home_in",
    "resigned_from": "left_job_at left_company stepped_down_from quit_job_at",
    "fired_from": "laid_off_from laid_off_by dismissed_from fired_by",
    "has_condition": "suffers_from diagnosed_with has_disease has_illness",
    "allergic_to": "has_allergy_to has_allergy allergy",
    "headquartered_in": "headquarters_in has_headquarters_in hq_in",
    "authored": "author_of wrote writer_of",
    "directed": "director_of",
    "created": "creator_of made invented",
    "wants": "want wishes_for would_like",
    "uses": "use using utilizes utilises",
    "depends_on": "depend_on relies_on rely_on requires dependent_on",
    "acquired": "acquires took_over bought_company",
    "plays": "play",
    "teaches": "teach teacher_of",
}

INVERSE_NAMES = {
    "works_at": "employs employer_of has_employee hired hires",
    "parent_of": "child_of son_of daughter_of kid_of has_parent has_mother has_father mother "
    "father raised_by",
    "grandparent_of": "grandchild_of grandson_of granddaughter_of has_grandparent "
    "has_grandmother has_grandfather",
    "has_pet": "pet_of dog_of cat_of",
    "owns": "owned_by belongs_to_owner property_of",
    "managed_by": "manages manage managing manager_of boss_of supervises leads heads "
    "supervisor_of leader_of head_of",
    "has_owner": "responsible_for in_charge_of accountable_for",
    "founded": "founded_by established_by co_founded_by has_founder",
    "authored": "written_by authored_by has_author",
    "directed": "directed_by has_director",
    "created": "created_by made_by invented_by",
    "likes": "liked_by loved_by",
    "part_of": "contains includes consists_of has_part",
    "capital_of": "has_capital",
    "member_of": "has_member",
    "teaches": "taught_by student_of",
    "godparent_of": "godchild_of",
    "stepparent_of": "stepchild_of",
    "parent_in_law_of": "child_in_law_of",
    "uses": "used_by",
    "depends_on": "required_by",
    "acquired": "acquired_by taken_over_by",
    "bought": "bought_by sold_to",
}

PAST_FORMS = {
    "lived_in": "lives_in", "resided_in": "lives_in", "lived_at": "lives_in",
    "worked_at": "works_at", "worked_for": "works_at", "former_employee_of": "works_at",
    "worked_as": "works_as", "studied_at": "studies_at", "dated": "dating",
    "owned": "owns", "liked": "likes", "loved": "likes",
    "disliked": "dislikes", "hated": "dislikes",
    "knew": "knows", "managed": "manages", "played": "plays", "spoke": "speaks",
    "taught": "teaches",
    "had_pet": "has_pet", "worked_with": "works_with", "lived_with": "lives_with",
    "played_for": "plays_for", "volunteered_at": "volunteers_at", "wanted": "wants",
    "belonged_to": "member_of", "used": "uses",
}  # fmt: skip
"""By past form, its type. The form says that the relation has ended (``worked_at``), unless it
names an event."""

LEADING_WORDS = (
    "is_", "are_", "am_", "was_", "were_", "be_", "been_", "being_", "has_been_", "have_been_",
    "had_been_", "currently_", "now_", "still_", "recently_", "officially_", "also_", "the_", "a_",
    "an_", "got_", "just_", "has_just_", "has_", "have_",
)  # fmt: skip
WORDS_OF_PAST = ("used_to_", "formerly_", "previously_", "once_", "no_longer_", "ex_", "former_")
FORMS_OF_WAS = ("was_", "were_", "had_been_")

NORMAL_FORMS: dict[str, tuple[str, bool]] = {
    **{type: (type, False) for type in PAST_FORMS.values()},
    **{word: (type, True) for type, same in INVERSE_NAMES.items() for word in same.split()},
    **{word: (type, False) for type, same in OTHER_NAMES.items() for word in same.split()},
    **{type: (type, False) for type in (*OTHER_NAMES, *INVERSE_NAMES, *ENDING_TYPES)},
    **{
        type: (type, False)
        for type in (*SINGLE_VALUED_TYPES, *USUALLY_SINGLE_VALUED, *SYMMETRIC_TYPES, *EVENT_TYPES)
    },
}
