"""The features of the demo account, by product and area: one text table per product.

A line ``name | role | options`` begins an area; the indented lines below it hold its features, separated by semicolons.
A mark behind a feature says how it was tested, see `MARKS`; without mark it is tested like any other. A feature that
left the catalogue is still named by the tests of its time. The options are fields of `Area`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Coverage = Literal["normal", "never", "planned", "stale", "poisoned", "retired"]

MARKS: Mapping[str, Coverage] = {"!": "never", "?": "planned", "~": "stale", "^": "poisoned", "-": "retired"}
"""Never in a test; in a planned test only; in old tests only; only in the test that cannot be read; deleted since."""


@dataclass(frozen=True)
class Area:
    """A group of features that are tested together.

    Attributes:
        role: who speaks in its stories.
        titles: pairs of feature title and coverage.
        attention: how often it is picked for a test, relative to the other areas of its section.
        bugs: bugs per test and feature, relative to other areas.
        quiet_days: no test of it has ended within this many days.
        section: id of the section that lists it; None for the first section of the product.
    """

    name: str
    role: str
    titles: tuple[tuple[str, Coverage], ...]
    attention: float = 1.0
    bugs: float = 1.0
    quiet_days: int = 0
    section: int | None = None


def _areas(table: str) -> tuple[Area, ...]:
    blocks: list[tuple[str, str]] = []
    for line in table.strip().splitlines():
        if line.startswith(" "):
            head, titles = blocks.pop()
            blocks.append((head, f"{titles} {line.strip()}"))
        else:
            blocks.append((line, ""))
    return tuple(_area(head, titles) for head, titles in blocks)


def _area(head: str, titles: str) -> Area:
    name, role, *rest = head.split(" | ")
    options: dict[str, Any] = {}
    for option in " ".join(rest).split():
        key, value = option.split("=")
        options[key] = float(value) if key in {"attention", "bugs"} else int(value)
    return Area(name, role, tuple(_marked(title.strip()) for title in titles.split(";")), **options)


def _marked(title: str) -> tuple[str, Coverage]:
    return (title[:-1], MARKS[title[-1]]) if title[-1] in MARKS else (title, "normal")


AREAS: Mapping[int, tuple[Area, ...]] = {
    18559: _areas("""
Route search | passenger | attention=3 bugs=1.2
    Port search field; Route map; Return trip search; Multi-stop search; Flexible date search; Search filters;
    Recent searches; Nearby ports; Passenger count picker; Pet travel filter!; Sold-out sailing notice;
    Search result sorting
Timetables | passenger | attention=1.6 bugs=0.7
    Daily timetable; Seasonal timetable; Timetable print view~; Public holiday timetable; Crossing time display;
    Arrival in local time; Timetable calendar export!; Delay notices; Timetable comparison~; Port departure list;
    Night sailing marks; Timetable archive!
Fares | passenger | attention=2.4 bugs=1.1
    Fare calendar; Fare breakdown; Saver fare; Flexible fare; Family fare; Student discount; Senior discount;
    Resident fare~; Group fare request; Fare conditions; Fare alerts?; Currency switch; Early bird tariff-
Seats | passenger | attention=2.6 bugs=1.6
    Seat map; Seat reservation; Window seat preference; Quiet lounge seats; Seat change after booking;
    Wheelchair spaces!; Seats for families; Seat price display; Deck plan; Seat hold timer; Seat upgrade offers;
    Seat confirmation; Seat lottery-
Cabins | passenger | attention=1.7
    Cabin list; Cabin photos; Cabin comparison; Outside cabin booking; Pet-friendly cabins; Cabin for four;
    Cabin upgrade offers; Cabin key by phone?; Late cabin check-out; Accessible cabins!; Cabin bed set-up~;
    Shared cabin berths~
Vehicles | driver | attention=1.5 bugs=0.8
    Vehicle type picker; Vehicle length check; Roof box option; Motorcycle booking; Bicycle booking; Caravan booking;
    Electric car charging?; Trailer option~; Number plate entry; Vehicle change after booking; Car deck access times;
    Loading lane number
Passenger details | passenger | attention=2.2 bugs=1.3
    Passenger form; Saved travellers; Child passengers; Infant passengers; Passport data entry; Nationality picker;
    Special assistance request!; Emergency contact; Name correction; Companion copy; Age check;
    Traveller document upload
Extras | passenger | attention=1.4
    Meal pre-order; Breakfast buffet; Kids menu; Travel insurance; Wi-Fi package; Lounge access; Onboard cinema~;
    Parking at the port; Bus transfer; Gift cards in the cart; Extra luggage; Pet kennel booking!
Cart and checkout | passenger | attention=4 bugs=1.8
    Cart overview; Cart timer; Promo code field; Checkout as a guest; Checkout sign-in; Order summary;
    Terms confirmation; Price change notice; Booking confirmation page; Confirmation e-mail; Invoice address;
    Cart recovery
Payment | passenger | attention=3.6 bugs=2
    Card payment; Saved cards; Bank transfer; Payment in instalments?; Gift card payment; Points payment;
    Payment retry; Strong customer authentication; Refund to card; Split payment!; Payment receipt; Payment time-out;
    Cheque payment-
Booking management | passenger | attention=2.8 bugs=1.4
    Booking list; Booking details; Booking lookup without account; Date change; Route change; Booking cancellation;
    Rebooking after a cancelled sailing; Booking share link~; Booking PDF; Wallet pass; Booking notes; Waiting list!
Check-in | passenger | attention=2.3 bugs=0.9
    Online check-in; Check-in reminder; Check-in for groups; Boarding card; Paper boarding card~;
    Boarding by text message-; Kiosk check-in!; Check-in closing time; Document check; Check-in with vehicle;
    Boarding group display; No-show notice; Check-in on behalf of others
Customer account | registered customer | attention=2 bugs=0.8
    Sign-up; Sign-in; Password reset; Two-step sign-in; Profile photo; Profile details; Newsletter settings;
    Language setting; Account deletion!; Personal data export!; Linked accounts; Session list
Loyalty club | club member | attention=1.2
    Points balance; Points history; Status levels; Points transfer; Reward catalogue; Reward redemption;
    Partner offers; Missing points claim~; Member card; Birthday reward~; Points expiry notice; Family account?
Notifications | passenger | attention=1.3 bugs=0.6
    Departure reminders; Gate change alerts; Price drop e-mails; Push settings; SMS alerts~; Weather warnings!;
    Message inbox; E-mail layout; Quiet hours!; Notification language; Unsubscribe page; Alert for connecting trips
Help centre | passenger | attention=0.9 bugs=0.5 quiet_days=250
    Help search; Contact form; Live chat; Call-back request; Lost and found; Complaint form; Compensation claim;
    Help article feedback; Accessibility information; Port guides; Travel rules by country; Chat transcript
Public pages | visitor | attention=1.8 bugs=0.7
    Start page; Destination pages; Travel magazine; Offer landing pages; Image galleries; Video player; Cookie banner;
    Site search; Breadcrumb trail; Footer links; Language versions; Share buttons
Group travel | group leader | attention=0.8 quiet_days=120
    Group quote; Name list upload; Instalment plan; Group seating~; Free places for leaders; Group meal plan!;
    School trip form; Coach registration; Group contract; Deposit payment; Group change request; Leader dashboard
Freight booking | dispatcher | attention=0.9 bugs=1.3
    Freight quote; Lorry booking; Unaccompanied trailer; Dangerous goods declaration; Temperature control;
    Driver cabin; Customs papers; Freight tracking; Loading slot; Freight invoice; Freight contract rates;
    Standby list for lorries
Travel agents | travel agent | attention=0
    Agent sign-in; Agent price view; Commission statement; Booking on account; Option booking; Agent voucher;
    Agent newsletter; Client folder; Fam trip request; Brochure order; Agent training; Agent help line
Onboard services | passenger | attention=1.4 bugs=1.2
    Onboard portal; Deck navigator; Restaurant table booking; Spa appointment; Onboard shop; Shore excursion booking;
    Daily programme; Crossing map; Onboard chat with crew~; Duty-free pre-order; Onboard credit; Cabin service order
Crew desk | crew member | attention=0.7 bugs=0.8 quiet_days=210
    Passenger manifest; Boarding scanner; Seat reassignment; Cabin status board; Incident report; Assistance list;
    Vehicle deck view; Shift handover note; Announcement editor; Lost item register; Onboard refund; Stock count
Reporting | analyst | attention=0.5 bugs=0.6
    Occupancy report; Revenue report; Punctuality report; Channel comparison; Cancellation report; Refund report;
    Report scheduler; Report download; Forecast view; Customer survey results; Discount usage report;
    Data freshness banner
Administration | administrator | attention=0.6 quiet_days=190
    User management; Role editor; Sailing editor; Price rule editor; Discount editor; Content approval;
    Translation desk; Banner scheduler; Port master data; Ship master data; Audit trail; Feature switches
Mobile pre-release | passenger | bugs=1.5 section=25618
    App start screen; Offline booking card; App deep links; Biometric sign-in; App language picker!;
    Home screen widget; App update notice; Watch companion?; App crash report
"""),
    21362: _areas("""
Screens | port visitor | attention=2 bugs=1.4
    Departure board; Arrival board; Gate display; Delay banner; Boarding countdown; Vehicle lane display;
    Weather panel; Emergency message!
Editor | board editor | attention=1.6
    Board layout editor; Colour themes; Text slides; Picture slides; Data table import; Chart slides; Slide order;
    Board preview; Ticker tape slides-
Publishing | board editor | bugs=0.6
    Publishing to one port; Publishing to all ports~; Scheduled publishing; Board versions; Embed code;
    Public board link
Administration | board administrator | attention=0.6 bugs=0.5
    Screen register; Screen health check; Editor accounts; Language packs?; Data source keys!; Board archive~
"""),
    24959: _areas("""
Photo pass | passenger
    Photo upload; Background removal; Face outline check; Photo crop; Photo print sheet?; Season ticket photo;
    Batch upload for groups; Photo rejection reasons; Photo deletion~
"""),
    70210: _areas("""
Trip finder | day tripper | attention=2.5 bugs=1.1
    Island picker; Trip calendar; Trip cards; Trip filters; Picnic basket order; Bicycle rental!; Trip reviews;
    Tide notice~
Trip booking | day tripper | attention=3 bugs=1.9
    Trip cart; Guest booking; Family ticket; Ticket download; Trip voucher; Trip cancellation; Paper voucher-;
    Bad weather refund?; Group ticket
Landing stage | crew member | attention=1.2 section=70602
    Ticket scanner; Passenger count; Late arrival list; Walk-on sale; Life jacket check!; Trip log; Crew message board~
Agency counter | travel agent | attention=0.8 quiet_days=160 section=70603
    Agency booking; Agency invoice; Agency allotment~; Agency price list; Agency cancellation; Agency booking import?;
    Agency report
"""),
    70340: _areas("""
Getting started | new app user | attention=1.8
    Welcome tour; App sign-in; Sign-in with a passkey; Permission prompts; Home screen; App settings; Dark mode
On the way | passenger | attention=1.6 bugs=1.5
    Live ship position; Departure countdown; Boarding pass in the app; Gate directions^; Car deck reminder^; Port map^;
    Delay push message; Travel companion chat^
Buying | passenger | attention=2.4 bugs=2
    Quick rebooking; Last-minute seats; Fast pay; App-only offers; Seat picker in the app; Snack order;
    Printed receipt by post-; Receipt folder; Gift ticket~
Staying in touch | passenger | attention=1.1 bugs=0.8
    Message centre; Feedback form; Help chat in the app; Trip diary~; Photo sharing~; App rating prompt; Offline mode;
    Accessibility settings
"""),
    70415: _areas("""
Master data | clerk | attention=1.4 bugs=0.7
    Customer file; Supplier file; Port fee table; Price list import; Duplicate finder!; Address check!; Tax code table;
    Opening hours table; Contract folder; Approval inbox!
Accounting | accountant | section=70802
    Invoice run; Dunning letters; Payment matching; Cash desk closing; Refund approval; Ledger export;
    Cost centre report!; Year-end closing!; Currency gains; Travel expense claims!; Audit folder!
"""),
    70502: _areas("""
Kiosk | passenger
    Kiosk start screen; Cabin key printing; Deck finder; Restaurant booking at the kiosk; Shop voucher printing;
    Kiosk language choice; Loyalty card scan
Kiosk care | crew member
    Kiosk sign-in for crew; Paper level warning; Kiosk restart; Price update; Screen cleaning mode;
    Kiosk status overview; Remote lock
"""),
    70633: _areas("""
Orders | dispatcher | attention=1.5
    Order form; Order list; Order copy; Weight calculator; Pallet labels; Pick-up window~;
    <script>alert('cargo')</script> import!; =HYPERLINK("https://evil.invalid","Price list")
Tracking | dispatcher | bugs=0.8
    Container tracking; Arrival forecast; Temperature log 🧊; תעודת משלוח; Damage report!; Signature on glass;
    Freight documents; Customs status?
"""),
}
